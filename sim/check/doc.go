// Package check watches a cluster of engines and says when a safety property breaks, at the step that broke it.
//
// It knows nothing of how the cluster is run. A host (golden scenarios, the simulator, real nodes in one
// process) reports what happens in the order in which it happens:
//
//	Started   a node begins a life from what its storage recovered
//	Stepped   an engine took an event and asked for actions
//	Durable   the sync that covers a Persist action has returned
//	Left      a message really went to the transport
//	Crashed   a life ended
//
// From the Persist actions the package rebuilds what every node has in memory and what it has on disk, so a
// property is judged by what nodes hold and never by what an engine claims. One file holds one property:
//
//	election_safety.go       at most one leader a term (§3.2)
//	single_vote.go           at most one vote a term and node, across restarts (§3.4)
//	identity.go              nobody campaigns whom no configuration names a voter
//	membership.go            one change of one node at a time, everybody goes by the newest one (§4.1), and who is
//	                         told of its removal was removed
//	election_quorum.go       a leader has a majority of votes that count (§3.4)
//	leader_append_only.go    a leader never rewrites its log (§3.5)
//	log_matching.go          equal position, equal past (§3.5)
//	leader_completeness.go   what is committed is in the log of every later leader (§3.6)
//	state_machine_safety.go  no two machines apply different entries at an index (§3.6)
//	snapshot_rule.go         what stands in place of the log is what it held (§5.1)
//	commit_rule.go           a leader commits its own term's entries, on a durable majority (§3.6.2)
//	naming.go                of voters that hold the entry that names them
//	newborn.go               nobody comes to look like a founder that no leader has met
//	immutability.go          what an engine hands out never changes
//	persist_before_send.go   nothing rests on what a disk may forget (§3.8)
//	durable_index.go         an engine knows exactly how far its log is durable
//	recovery.go              a restart finds everything that was durable
//	monotonic.go             term, commit and applied never fall within a life
//	linearizable_reads.go    a read sees what was committed when it was asked, and is answered once (§6.4)
//	outcomes.go              each proposal is answered once, truthfully, and an acknowledged one is never lost
//
// A host that tells how its engines are configured ([Cluster.Configured]) has them judged by their conduct as well
// (conduct.go), whether or not it does any harm in this history:
//
//	answers.go        who asks is answered at once, in the right term
//	append_bounds.go  an append is as long as is allowed
//	patience.go       nobody votes or campaigns who has just heard a leader, and somebody does who has not (§4.2.3, §3.4)
//	pre_vote.go       a term is raised after a majority has said that it will do (§9.6)
//	check_quorum.go   a leader that nobody answers, or whose disk does not, steps down (§6.2)
//	read_quorum.go    a read has a round or a lease behind it (§6.4)
//	read_rounds.go    one round serves all reads that wait, and nobody waits for more (§6.4)
//	timeouts.go       election timeouts are drawn afresh, and not all the shortest (§3.4)
//	step_back.go      where logs meet is found in rounds of terms, and old news moves nobody back (§3.5)
//	probing.go        who has not taken an entry is sent one append at a time
//	commit_told.go    a commit is told at once (§3.5)
//	change_rules.go   what a leader may change, and when (§4.2.1)
//	leaving.go        who is no voter any more goes, and says what is committed (§4.2.2)
//	handover.go       leadership is handed over, and the answer comes in time (§3.10)
//	successor.go      and to whom: a voter that answers and holds most of the log
//	transfers.go      one snapshot at a time goes to a member, and not for ever
//	pinned_log.go     what is kept for a member that is brought up is kept as long as it lives, and fits
//	offer_answers.go  who says that it holds a snapshot has committed all that is in it
//	trailing_log.go   a part of the log stays behind a snapshot
//	hints.go          a snapshot is hinted at once
//	unapplied.go      a log does not run away from its machine
//	refusals.go       who is refused a change of the membership is told a reason that holds
//	belief.go         a removal that is not committed is not believed (§4.1)
//	farewell.go       who is being removed hears its leader until that is committed (§4.2.2)
//	given_vote.go     a pre-vote is for whom the vote would be for (§9.6)
//
// All state is in memory and grows with the history, so a [Cluster] belongs to one bounded run. It is not safe
// for concurrent use: a host of concurrent nodes serialises its reports.
package check
