package statemachine

// ApplyContext says where in the log a command stands.
type ApplyContext struct {
	Index uint64 // of the entry
	Term  uint64 // of the entry
}

// Machine is the application that Raft replicates: C is its command, R what a command answers.
//
// Apply must be deterministic: the same commands in the same order give the same state and the same responses
// on every node. It is called by one goroutine at a time, in log order, once for every committed command since
// the machine was made, or since the snapshot that it was restored from. A machine is made anew at each start of a node,
// restored from the newest snapshot if it is a [Snapshotter], and replayed from the log.
//
// A panic in Apply stops the node for good: a replay would meet the same command again, and skipping it would
// make this node differ from the others.
type Machine[C, R any] interface {
	Apply(ctx ApplyContext, command C) R
}

// Codec turns commands into bytes and back. Decode must accept what Encode wrote, also in a later version of
// the program: the bytes stay in the log. Both may be called by several goroutines at once.
type Codec[C any] interface {
	// Encode appends the bytes of command to dst and returns the result.
	Encode(dst []byte, command C) ([]byte, error)
	// Decode reads a command. It may keep data, which is never written again.
	Decode(data []byte) (C, error)
}

// ResponseCodec is what a [Codec] implements in addition to answer callers in other processes, who get bytes.
// Without it such callers get an empty response, and a leader takes nothing that a follower sends on.
// Its methods may be called by several goroutines. A response that does not encode, or panics, leaves its caller without
// an answer and stops no node.
type ResponseCodec[R any] interface {
	EncodeResponse(dst []byte, response R) ([]byte, error)
	DecodeResponse(data []byte) (R, error)
}

// Definition is all that a node needs to know of an application.
type Definition[C, R any] struct {
	New   func() Machine[C, R] // a fresh, empty machine; called at each start
	Codec Codec[C]
}
