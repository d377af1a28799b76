// Command dynamic changes a cluster of kv processes under load and loses nothing: it grows from one node to five
// through learners, hands leadership over, replaces a node while another is down, moves one to another port, shrinks to
// three, the leader among those that leave, and restarts all of them in turn.
//
//	go run ./dynamic
//
// Clients write all the while. They know the documented replies of kv and nothing else: they go where MOVED sends
// them, try again after TRYAGAIN, and never repeat what may have been done. Every write has a key of its own, which it
// increments from nothing, so the end of each can be told from its key:
//
//	acknowledged           1
//	refused                never done: it was repeated under the same key, and is 1 by now, or missing
//	UNKNOWN or no reply    1, or missing
//	repeated by anybody    2 or more: never
//
// The processes are real, and so are their disks and sockets. One line tells each step and its time. The exit code is
// 0 if all went well, else 1; processes and files are gone in either case.
//
// The files: scenario (what happens, in order), cluster (what an operator does), writer (what a client does), ledger
// (what must be true in the end), process and resp (below that).
package main
