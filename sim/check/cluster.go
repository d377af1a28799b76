package check

import (
	"cmp"

	"github.com/yggr-go/yggr/engine"
)

// Cluster holds every checker and the picture of the cluster that they judge. Each report returns a
// [*Violation] when it breaks a property; after that the picture is no longer meaningful and the run is over.
type Cluster struct {
	nodes map[engine.NodeID]*node

	elections electionSafety
	votes     singleVote
	matching  logMatching
	complete  leaderCompleteness
	machines  stateMachineSafety
	commits   commitRule
	outcomes  outcomes
	reads     linearizableReads
	snapshots snapshotRule
	spread    spread
}

// New returns the checkers of a cluster that has no history yet.
func New() *Cluster {
	return &Cluster{
		nodes:     map[engine.NodeID]*node{},
		elections: electionSafety{leaders: map[engine.Term]engine.Peer{}},
		votes:     singleVote{votes: map[ballot]engine.Peer{}},
		matching:  logMatching{slots: map[engine.Position]slot{}},
		commits:   commitRule{holders: map[engine.Position][]engine.Peer{}},
		outcomes:  newOutcomes(),
		reads:     linearizableReads{waiting: map[engine.NodeID]map[engine.ReadID]floor{}},
		snapshots: snapshotRule{labels: map[uint64]engine.SnapshotMeta{}},
	}
}

// HoldsProposals says that engines hold proposals back for a while, so that they are answered later than in the Step
// that took them.
func (c *Cluster) HoldsProposals() { c.outcomes.held = true }

// Started reports that a node begins a life with an engine made from recovered. An incarnation that is not the
// one last seen under this id has a new disk.
func (c *Cluster) Started(peer engine.Peer, recovered engine.Recovered) error {
	if old := c.nodes[peer.ID]; old != nil && old.peer == peer {
		if err := checkRecovery(old, recovered); err != nil {
			return err
		}
	}
	n := &node{peer: peer, granted: map[engine.Term]engine.Peer{}}
	n.disk = image{state: recovered.HardState, snapshot: recovered.Snapshot, log: history{base: recovered.Base}}
	n.disk.log.entries = append(n.disk.log.entries, recovered.Entries...)
	n.memory = n.disk
	n.memory.log.entries = append([]engine.Entry(nil), recovered.Entries...)
	n.handed = recovered.Snapshot.Position.Index
	n.status = engine.Status{
		Term: recovered.HardState.Term, Vote: recovered.HardState.Vote, Commit: max(recovered.Commit, n.handed), Applied: n.handed,
	}
	if s := recovered.Snapshot; s.ID != 0 && s.ConfigurationIndex <= recovered.Base.Index {
		n.labelled(s)
	}
	if len(recovered.Entries) > 0 {
		if err := n.configured(n.memory.log.entries); err != nil {
			return err
		}
	}
	c.nodes[peer.ID] = n
	c.commits.stored(peer, recovered.Entries)
	if err := c.matching.appended(n, recovered.Entries, recovered.Base); err != nil {
		return err
	}
	return c.complete.recovered(n, n.status.Commit)
}

// Stepped reports that the engine of a node took an event, asked for actions, and has the given status now.
func (c *Cluster) Stepped(id engine.NodeID, event engine.Event, actions []engine.Action, status engine.Status) error {
	n := c.nodes[id]
	before, memory := n.status, n.memory
	n.conduct.now = cmp.Or(timeOf(event), n.conduct.now)
	if err := checkLeaderAppendOnly(n, before, actions, status); err != nil {
		return err
	}
	if err := n.emitted(actions); err != nil {
		return err
	}
	n.status = status
	if persisted, ok := event.(*engine.Persisted); ok {
		n.told = persisted.Seq
	}
	return cmp.Or(
		checkMonotonic(n, before),
		checkDurableIndex(n),
		checkMembership(n),
		checkIdentity(n, event, actions),
		n.grants(event, actions),
		checkElectionQuorum(n, before, event),
		c.matching.checkMessage(event),
		c.matching.stepped(n, actions),
		c.elections.stepped(n),
		c.commits.stepped(n, before, actions),
		c.commits.checkNaming(n, before),
		c.complete.stepped(n, before),
		c.reads.stepped(n, event, actions),
		c.complete.checkOneChange(n, actions),
		c.complete.checkRemoved(n, before),
		c.snapshots.stepped(n, before, memory, actions, c.complete.knows),
		checkNewborn(n, memory, actions),
		c.machines.stepped(n, actions),
		c.outcomes.stepped(n, event, actions),
		c.elections.transferred(n, actions),
		n.behaves(before, memory, event, actions),
		c.spread.checkTimeouts(n, before, event),
	)
}

// Writing reports that one batch is about to be written, with every Persist action of the node's present life up to seq that
// is not durable yet. A crash leaves all of a batch or nothing.
func (c *Cluster) Writing(id engine.NodeID, seq engine.Seq) { c.nodes[id].writing = seq }

// Durable reports that every Persist action of the node's present life up to seq is durable. It comes before
// the engine is told so.
func (c *Cluster) Durable(id engine.NodeID, seq engine.Seq) error {
	n := c.nodes[id]
	for _, w := range n.durable(seq) {
		if err := n.unchanged(w); err != nil {
			return err
		}
		c.commits.stored(n.peer, w.entries)
	}
	return nil
}

// Left reports that a message left the node from for the node to.
func (c *Cluster) Left(from, to engine.NodeID, message engine.Message) error {
	n := c.nodes[from]
	return cmp.Or(
		checkPersistBeforeSend(n, to, message),
		c.elections.left(n, message),
		c.votes.left(n, to, message),
		c.complete.checkNotice(n, to, message),
	)
}

// Crashed reports that the life of a node is over. What it had not made durable may or may not be found again.
func (c *Cluster) Crashed(id engine.NodeID) {
	c.outcomes.crashed(id)
	c.reads.crashed(id)
}

// Converged reports that the given nodes have had all the time they need: each must have applied every
// acknowledged command and answered every read.
func (c *Cluster) Converged(ids []engine.NodeID) error {
	for _, id := range ids {
		if err := cmp.Or(c.outcomes.converged(c.nodes[id]), c.reads.converged(c.nodes[id])); err != nil {
			return err
		}
	}
	return nil
}

// Waiting reports whether a node that runs has yet to answer a proposal, a change of the membership or a transfer.
func (c *Cluster) Waiting() bool {
	return len(c.outcomes.asked)+len(c.outcomes.transfers) > 0
}
