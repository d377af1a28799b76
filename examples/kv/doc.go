// Command kv is a replicated key-value store that speaks the Redis protocol: the smallest complete program
// around a yggr node.
//
//	redis-cli, redis-benchmark, nc
//	        │ RESP, or plain lines
//	   connection ── requests of one pipeline ──▶ actors.Node ── log ──▶ machine
//	        ▲                                          │                   │
//	        └──────────── replies, in order ◀──────────┴── results ◀───────┘
//
// A connection reads everything that a client has sent, proposes it as one batch and answers in order. Reads ask
// the node and not its log; their answers are linearizable like those of writes.
//
// A node that does not lead answers -MOVED with the leader's client address, but only once it has applied the
// announcement with which that leader opened its term; until then, and while there is no leader, it answers
// -TRYAGAIN. A command whose end was not seen is answered by -UNKNOWN: it may have been applied.
//
// The files, from the client inwards: resp (bytes to arguments), command_table (which commands there are),
// connection and server (pipelines, limits), admin (the membership), redirect (errors to replies), announce (who
// is where), then machine and codec (the replicated state), and main, flags and node (the process).
package main
