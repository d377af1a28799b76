// Package scenario runs a whole cluster of engines in one goroutine, one event at a time, and tells what happens
// in words. It is the host of the golden scenarios in engine/testdata/scenarios and of the randomised cluster
// test, and models what a host owes to its engines:
//
//   - a disk a node: a queue of Persist actions, in order, each durable only when it is synced; a message that
//     must wait stands in the same queue; a crash loses the queue, and a restart finds what was durable;
//   - a network of one-way links that deliver, lose, repeat and reorder only when told to;
//   - a state machine a node that applies when told to; its state is the history that led to it;
//   - snapshot files that outlive crashes, and transfers that move when told to;
//   - one clock for all, unless a test makes the clocks of some go wrong.
//
// By default disks and machines answer at once and nothing is delivered by itself.
//
// # The language
//
// A scenario is a list of commands, one a line, each with the output that it must have ([Script.Execute]):
//
//	new-cluster n1 n2 n3          founders with empty disks; "unmet" at the end: no handshakes yet
//	join n4                       a node with an empty disk and no membership; "unmet" at the end: no handshakes yet
//	meet n1 n2 …                  handshakes between all these nodes
//
//	tick n1 3                     three ticks of one node; "all" for every node; the clock moves along
//	advance 100ms                 the clock moves, nobody ticks
//	campaign n1                   ticks of n1 alone until it campaigns
//	elect n1                      campaign and stabilise, told in one line
//	propose n1 x y                one proposal with these commands
//	propose-bytes n1 100          one command of so many bytes
//	write n1 20                   twenty proposals of one command, told in one line
//	read n1 3                     three linearizable reads, r1, r2, …; they may be answered later
//
//	add-voter n1 n4               n1 is asked to add n4; "force" and incarnation=402, in hexadecimal, may follow
//	add-learner n1 n4, promote n1 n4, demote n1 n4, remove n1 n4
//	update-address n1 n4 address=n4:8000
//	transfer n1 n2                n1 is asked to hand leadership to n2; without a target to anybody
//
//	deliver n1->n2                what is on the link now, in order; "deliver" alone: on all links
//	deliver n1->n2 2              at most so many
//	deliver n1->n2 Heartbeat      only messages of this type
//	deliver n1->                  what n1 has sent; "->n1": what is on its way to n1
//	exchange n1 n2 3              deliver n1->n2 and then n2->n1, three times
//	beat n1 n2 20                 a tick of n1 and an exchange with n2, twenty times
//	drop, duplicate               with the same arguments
//	reorder n1->n2                the newest message of the link first
//	messages                      everything on its way
//	partition n1 | n2 n3          links between the groups lose everything, what is on its way included
//	cut n1->n2                    one direction only
//	heal                          all links work again; nodes shake hands again
//	stabilise                     deliver until nothing is on its way, snapshots included
//
//	stall-disk n1, resume-disk n1 the queue holds everything; resume syncs it
//	persist n1 2                  syncs the two oldest writes; without a number everything
//	sync n1 2, confirm n1         the same in two steps: what waits leaves, and later the engine hears of it
//	stall-apply n1, resume-apply n1, apply n1 2
//	crash n1                      memory and undurable writes are lost; "keep=1": the oldest write survives
//	restart n1                    from what the disk holds
//	wipe n1 founder               crash, empty disk, a new incarnation that founds the cluster again; or "joiner"
//	lose n1 3                     crash, and the disk has forgotten the entries from 3 on, synced or not; Raft
//	                              promises nothing about that, so the checkers are dismissed
//
//	snapshot n1                   a snapshot of what n1 has applied: captured, complete, told to the engine
//	capture n1, report n1         the same in two steps
//	chunk n1->n2 30               so many bytes of the snapshot that n1 sends n2; without a number the rest
//	interrupt n1->n2              n1 finds that the connection broke; what n2 has stays there
//	damage n1->n2                 n2 finds that what came is not what was announced
//	lose-file n1->n2              n1 cannot read its snapshot any more
//	fill-disk n2, free-disk n2    no room for the snapshots of others, and room again
//
//	status, members, log          what every node believes, by whom it goes, what every log holds
//
// "quiet" before a command drops what it tells, errors excepted. Positions print as term/index, nodes as n1,
// ranges as 3/15..17.
package scenario
