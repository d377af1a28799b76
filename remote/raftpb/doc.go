// Package raftpb holds the protobuf contract of the wire: raft.proto for what nodes say to each other, client.proto
// for what a remote actor may ask of a raft actor. The .proto files are the contract; the Go code is generated from
// them and checked in.
package raftpb

//go:generate protoc -I ../.. --plugin=protoc-gen-go=../../.tools/bin/protoc-gen-go --go_out=../.. --go_opt=paths=source_relative remote/raftpb/raft.proto remote/raftpb/client.proto
