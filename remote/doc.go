// Package remote carries messages between nodes. It moves bytes, knows who is at the other end, and lets nothing
// through that could break an engine; what a message means is not its business, and reliability is not its promise.
//
// # What a dropped message means
//
// Nothing. [Transport.Send] never blocks, so it drops what has no route, no room or no connection in time; a
// connection that breaks loses what was in it; two connections one after the other may reorder. The engine repeats
// what matters and tells stale answers by their numbers. A transport keeps two promises: a message arrives unchanged
// and as the peer's that the handshake named, and no message of a connection arrives before [Handler] was told of
// its handshake.
//
// Two networks make transports: [NewTCP] for processes, [NewInProcess] for one process. Package remotetest holds
// each of them, and yours, to the contract.
//
// # Connections
//
// Each node dials each peer it has a route to, and sends only on connections it has dialled; on those it has
// accepted it only listens. So a pair of nodes has two connections, and neither end waits for the other to call.
//
//	n1                                        n2
//	 |---------------- Hello ---------------->|  cluster, id, incarnation, epoch, address, whom it means,
//	 |                                        |  least election timeout, wire versions
//	 |<------- Welcome(Hello) / Refusal ------|  n2 has judged n1
//	 |  n1 has judged n2                      |
//	 |--------------- Envelope -------------->|
//	 |--------------- Envelope -------------->|
//	 |------------- keep-alive -------------->|  every KeepAlive
//	 |<------------ keep-alive ---------------|  when something came, at most twice per KeepAlive
//
// Both ends judge: the clusters must be the same as far as both know their founders, the ids must differ, the ranges
// of wire versions must overlap, and the node that answers must be the one that was meant. The listener says why it
// refuses; both count it. Before the handshake is done a stranger gets 4 KiB, two seconds and one of 64 places; when
// all are taken the oldest stranger is closed.
//
// Of several connections that one id has dialled only the newest to arrive lives, in whatever order their Hellos are
// read; nothing of the older one arrives after the news of the newer. The address in a Hello is the route to a sender that has none (a joiner must be able to get
// answers before a configuration names it) for as long as that connection lives. A Hello also ends the pause before
// a redial, and ends a connection to an earlier process of the same node.
//
// Nothing arriving for IdleTimeout ends a connection, seen from either end. Bytes count and not frames, so a slow
// link that moves a large frame is alive; a peer that takes no bytes gives no sign of life, so writes need no
// deadline of their own. Lost connections are dialled again after 20 to 500 ms, with jitter.
//
// # Snapshots
//
// The bytes of snapshots have a connection of their own for each direction, so that they delay nothing: its Hello says
// so. It is dialled when there is a [Chunk] to send, brings chunks one way and acknowledgements the other, and ends
// when there was no chunk for two IdleTimeouts. It is no news of a peer and no route to one. A listener that
// knows no kinds of connections refuses it by its wire version.
//
// Nothing waits for a receiver's disk: chunks are handed over as they come, and how many may be on their way is agreed
// between the hosts, by acknowledgements. A chunk's data is written from where the sender read it to, and read into
// the memory that the receiver writes it from. What is lost with a connection is sent again by the host.
//
// # Who writes
//
// A goroutine for each peer writes what is queued, many messages with one call of the system. To wake it takes longer
// than a small write does, up to 100 µs against 15 to 20 µs from Send to Deliver on one machine; so Send itself
// writes a message of up to 16 KiB and 16 entries that finds nothing before it, when nobody else is writing and has not
// been for 20 µs, and only as far as the kernel takes it without waiting. The rest goes first when the goroutine
// writes. A sender of many messages thus spends at most a quarter of its time on writing, and large batches, the
// mark of many clients, cost it nothing. Heartbeats and their answers are always left to the goroutine, since the
// next may take their place; so is everything with TLS and on Windows.
//
// # The wire
//
// A connection is a sequence of frames, integers little-endian:
//
//	 0        4        8                          8+length
//	+--------+--------+-----------  - - -  ------+
//	| length | crc32c |          body            |   body: a protobuf message of raftpb/raft.proto
//	+--------+--------+-----------  - - -  ------+   crc32c: Castagnoli, of the body
//	                                                 length zero: a keep-alive
//
// The first body of each direction is of the handshake, the others are Envelopes. An AppendEntries of term 3 with
// one command of five bytes, for example:
//
//	1b 00 00 00  f3 80 e4 6e             27 bytes, checksum
//	0a 19                                append_entries (1), 25 bytes
//	   08 03  10 07                      term 3, number 7
//	   18 02  20 09  28 09               prev_term 2, prev_index 9, commit 9
//	   32 0d                             entries (6), 13 bytes
//	      08 03  10 0a  18 02            term 3, index 10, kind command
//	      22 05 68 65 6c 6c 6f           data "hello"
//
// Messages are written and read by hand, to the byte what the generated code writes; the entries of a message share
// the frame they came in. A message type that this build does not know is counted and ignored, a field is skipped,
// an entry kind is refused: an entry cannot be left out.
//
// # The gateway
//
// A message is delivered only if every field of it could have been said by a correct engine: terms from 1 on,
// indexes and terms at most 2^62, positions with both parts or none, entries consecutive after Prev with terms that
// do not fall, at least Prev's and at most the message's, known kinds, configurations that decode, at most 65,536
// entries. A chunk names a transfer, has data, and ends at 2^62 at most. Anything else, and what is on the wrong kind of
// connection, closes the connection and is counted as malformed.
//
// # Limits
//
//	one message                16 MiB   MaxFrameBytes; larger ones are refused before anything is allocated
//	unsent, per connection     128 KiB  in the kernel (Linux, macOS); nothing overtakes it, nor the message that is being
//	                                    written: on a slow link a vote waits behind all of a large command
//	entries waiting, per peer  32 MiB   MaxQueueBytes
//	votes, heartbeats, answers 256 KiB  per peer; they leave before entries, and a newer heartbeat takes the place
//	waiting, per peer                   of an older one
//	chunks waiting, per peer   32 MiB   MaxQueueBytes, beside the entries
//	inbound connections        256      MaxPeers, one per node id, and as many for snapshots
//
// # Security
//
// Plain text stays on the loopback interface unless TCPConfig.AllowPlaintext says otherwise. The handshake proves
// nothing by itself: without TLS whoever reaches the port can claim any id. With TLS the certificate of the other end
// must hold the name that TCPConfig.PeerName gives for the id that it claims:
//
//	cfg := remote.TCPConfig{
//		Listen: "0.0.0.0:7001", Advertise: "raft-1.internal:7001",
//		ServerTLS: server, // Certificates, ClientCAs, ClientAuth: tls.RequireAndVerifyClientCert
//		ClientTLS: client, // Certificates, RootCAs
//		PeerName:  func(id engine.NodeID) string { return fmt.Sprintf("raft-%d.internal", id) },
//	}
package remote
