package scenario

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// This file is what a test does to a cluster. Every method acts at once and returns when all that follows on
// the same node has been done; whatever crosses the network waits for Deliver.

// IDs returns the ids of all nodes, ascending, whether they run or not.
func (c *Cluster) IDs() []engine.NodeID {
	ids := make([]engine.NodeID, len(c.nodes))
	for i, n := range c.nodes {
		ids[i] = n.peer.ID
	}
	return ids
}

// Running reports whether the node runs.
func (c *Cluster) Running(id engine.NodeID) bool {
	_, err := c.running(id)
	return err == nil
}

// Fatal returns why the engine stopped the node, or nil.
func (c *Cluster) Fatal(id engine.NodeID) error { return c.node(id).fatal }

// Status returns what the node believes; zero when it does not run.
func (c *Cluster) Status(id engine.NodeID) engine.Status {
	n, err := c.running(id)
	if err != nil {
		return engine.Status{}
	}
	return n.engine.Status()
}

// Applied returns what led to the state of the node's machine, from the first entry on. Read only.
func (c *Cluster) Applied(id engine.NodeID) []engine.Entry { return c.node(id).machine.applied }

// ReportedLost returns whom the node has reported to have lost data.
func (c *Cluster) ReportedLost(id engine.NodeID) []engine.Peer { return c.node(id).reported }

// Advance moves the clock.
func (c *Cluster) Advance(d engine.Duration) { c.now += engine.Instant(d) }

// Tick gives the node one tick. It does not move the clock.
func (c *Cluster) Tick(id engine.NodeID) error {
	n, err := c.running(id)
	if err != nil {
		return err
	}
	c.handle(n, &engine.Tick{Now: c.clock(n)})
	return c.err
}

// Meet shakes hands between two running nodes.
func (c *Cluster) Meet(a, b engine.NodeID) error {
	first, err := c.running(a)
	if err != nil {
		return err
	}
	second, err := c.running(b)
	if err != nil {
		return err
	}
	c.handle(first, &engine.PeerSeen{Now: c.clock(first), From: second.peer, MinElectionTimeout: second.minTimeout})
	if second.engine != nil {
		c.handle(second, &engine.PeerSeen{Now: c.clock(second), From: first.peer, MinElectionTimeout: first.minTimeout})
	}
	return c.err
}

// MeetAll shakes hands between all running nodes with working links.
func (c *Cluster) MeetAll() {
	for i, a := range c.nodes {
		for _, b := range c.nodes[i+1:] {
			c.meetIfReachable(a, b)
		}
	}
}

func (c *Cluster) meetIfReachable(a, b *node) {
	cut := c.network.cut[link{a.peer.ID, b.peer.ID}] || c.network.cut[link{b.peer.ID, a.peer.ID}]
	if a.engine != nil && b.engine != nil && !cut {
		c.fail(c.Meet(a.peer.ID, b.peer.ID))
	}
}

// Propose gives the node a proposal and returns its answer; nil when it is held to be appended with others.
func (c *Cluster) Propose(id engine.NodeID, commands ...[]byte) (engine.Action, error) {
	proposal, err := c.Submit(id, commands...)
	if errors.Is(err, ErrNotRunning) {
		return nil, err
	}
	return c.Answer(proposal), err
}

// Submit gives the node a proposal. The answer may come later: see [Cluster.Answer].
func (c *Cluster) Submit(id engine.NodeID, commands ...[]byte) (engine.ProposalID, error) {
	n, err := c.running(id)
	if err != nil {
		return 0, err
	}
	c.lastID++
	if len(commands) == 1 {
		c.handle(n, &engine.ClientProposal{Now: c.clock(n), ID: c.lastID, Command: commands[0]})
	} else {
		c.handle(n, &engine.ClientProposalBatch{Now: c.clock(n), ID: c.lastID, Commands: commands})
	}
	return c.lastID, c.err
}

// Change asks the node for a change of the membership and returns its answer.
func (c *Cluster) Change(id engine.NodeID, change engine.ConfigChange) (engine.Action, error) {
	n, err := c.running(id)
	if err != nil {
		return nil, err
	}
	c.lastID++
	return c.ask(n, c.lastID, &engine.ProposeConfigChange{Now: c.clock(n), ID: c.lastID, Change: change})
}

// Transfer asks the node to hand leadership to the target, or to anybody if that is zero. The answer may come later:
// see [Cluster.Answer].
func (c *Cluster) Transfer(id, target engine.NodeID) (engine.ProposalID, error) {
	n, err := c.running(id)
	if err != nil {
		return 0, err
	}
	c.lastID++
	c.handle(n, &engine.TransferLeadership{Now: c.clock(n), ID: c.lastID, Target: target})
	return c.lastID, c.err
}

// Answer takes the answer to a transfer or a proposal, nil if there is none yet.
func (c *Cluster) Answer(id engine.ProposalID) engine.Action {
	answer := c.answers[id]
	delete(c.answers, id)
	return answer
}

// ask gives the node an event that is answered at once.
func (c *Cluster) ask(n *node, id engine.ProposalID, event engine.Event) (engine.Action, error) {
	c.handle(n, event)
	return c.Answer(id), c.err
}

// Log returns what the node's disk holds and what waits to be written. Read only.
func (c *Cluster) Log(id engine.NodeID) []engine.Entry { return c.written(id).entries }

// Snapshot returns the label of the snapshot that the node's log goes with, written or waiting to be; zero without one.
func (c *Cluster) Snapshot(id engine.NodeID) engine.SnapshotMeta { return c.written(id).snapshot }

// written returns the content of the node's disk with everything done that waits.
func (c *Cluster) written(id engine.NodeID) content {
	content := c.node(id).disk.content
	for _, q := range c.node(id).disk.queue {
		content.perform(q)
	}
	return content
}

// Peer returns the node with its present incarnation.
func (c *Cluster) Peer(id engine.NodeID) engine.Peer { return c.node(id).peer }

// InFlight returns how many messages are on their way.
func (c *Cluster) InFlight() int { return len(c.network.flight) }

// Destination returns whom the message at a position of the order of sending is for.
func (c *Cluster) Destination(position int) engine.NodeID { return c.network.flight[position].to }

// DeliverAt delivers the message at a position of the order of sending. A node that does not run hears nothing.
func (c *Cluster) DeliverAt(position int) {
	e := c.network.take(position)
	n := c.node(e.to)
	if n == nil || n.engine == nil {
		c.tell("lost, %v does not run: %s", e.to, e)
		return
	}
	c.tell("%v receives %s", e.to, e)
	c.handle(n, &engine.Incoming{Now: c.clock(n), From: e.from, Message: e.message})
}

// DropAt loses the message at a position of the order of sending.
func (c *Cluster) DropAt(position int) {
	c.tell("lost: %s", c.network.take(position))
}

// HoldAt takes the message at a position of the order of sending off the network, and returns what puts it back
// behind all others.
func (c *Cluster) HoldAt(position int) (release func()) {
	e := c.network.take(position)
	c.tell("held back: %s", e)
	return func() {
		c.network.flight = append(c.network.flight, e)
		c.tell("on its way again: %s", e)
	}
}

// DuplicateAt sends the message at a position of the order of sending once more, behind all others.
func (c *Cluster) DuplicateAt(position int) {
	e := c.network.flight[position]
	c.network.flight = append(c.network.flight, e)
	c.tell("twice: %s", e)
}

// Cut severs one direction of a link. What is on its way is lost.
func (c *Cluster) Cut(from, to engine.NodeID) { c.network.sever(link{from, to}) }

// Heal mends every link; all nodes shake hands again.
func (c *Cluster) Heal() {
	clear(c.network.cut)
	c.MeetAll()
}

// StallDisk holds the node's writes back until Sync or ResumeDisk.
func (c *Cluster) StallDisk(id engine.NodeID) { c.node(id).disk.stalled = true }

// ResumeDisk syncs what waits and everything from now on.
func (c *Cluster) ResumeDisk(id engine.NodeID) {
	n := c.node(id)
	n.disk.stalled = false
	c.Confirm(id)
}

// Writes returns how many writes wait for the node's disk.
func (c *Cluster) Writes(id engine.NodeID) int { return c.node(id).disk.writes() }

// Sync makes the node's oldest count writes durable. Messages that waited for them leave; the engine does not
// hear of it before Confirm.
func (c *Cluster) Sync(id engine.NodeID, count int) {
	if n := c.node(id); n.engine != nil {
		c.sync(n, count)
	}
}

// Confirm tells the node's engine what Sync has made durable.
func (c *Cluster) Confirm(id engine.NodeID) {
	if n := c.node(id); n.engine != nil {
		c.confirm(n)
		c.settle(n)
	}
}

// StallApply holds the node's state machine back until Apply or ResumeApply.
func (c *Cluster) StallApply(id engine.NodeID) { c.node(id).machine.stalled = true }

// ResumeApply applies what waits and everything from now on.
func (c *Cluster) ResumeApply(id engine.NodeID) {
	n := c.node(id)
	n.machine.stalled = false
	c.settle(n)
}

// Waiting returns how many entries and snapshots the node's machine was handed and has not applied.
func (c *Cluster) Waiting(id engine.NodeID) int { return len(c.node(id).machine.waiting) }

// Apply lets the node's machine apply at most count entries.
func (c *Cluster) Apply(id engine.NodeID, count int) {
	n := c.node(id)
	count = min(count, len(n.machine.waiting))
	if n.engine != nil && count > 0 {
		c.apply(n, count)
		c.settle(n)
	}
}

// Crash ends the node's life. Of the writes that wait for its disk the oldest keep survive.
func (c *Cluster) Crash(id engine.NodeID, keep int) error {
	n, err := c.running(id)
	if err != nil {
		return err
	}
	c.end(n, keep)
	return nil
}

// Restart begins a new life with what the disk holds, and shakes hands with everybody in reach.
func (c *Cluster) Restart(id engine.NodeID) error {
	n := c.node(id)
	if n == nil || n.engine != nil {
		return fmt.Errorf("scenario: %v is not a node that has crashed", id)
	}
	if err := c.start(n); err != nil {
		return err
	}
	for _, other := range c.nodes {
		if other != n {
			c.meetIfReachable(n, other)
		}
	}
	return c.err
}

// Wipe crashes the node if it runs and gives it an empty directory, so that it comes back at Restart as another
// incarnation: as a founder once more, or as a joiner.
func (c *Cluster) Wipe(id engine.NodeID, founder bool) error {
	n := c.node(id)
	if n.engine != nil {
		c.end(n, 0)
	}
	n.reincarnate()
	n.disk = disk{stalled: n.disk.stalled}
	count := n.store.count
	n.store = newStore()
	n.store.count = count
	if !founder {
		return nil
	}
	first, err := c.foundersDisk()
	n.disk.content = first
	return err
}

// ForgetCommit makes a node that does not run recover no commit index: it is written lazily, and may be absent.
func (c *Cluster) ForgetCommit(id engine.NodeID) { c.node(id).disk.content.commit = 0 }

// Lose crashes the node and makes its disk forget every entry from an index on, synced or not. Raft promises
// nothing about a disk that lies, so the observer is dismissed.
func (c *Cluster) Lose(id engine.NodeID, from engine.Index) error {
	n, err := c.running(id)
	if err != nil {
		return err
	}
	c.end(n, 0)
	n.disk.forget(from)
	c.options.Observer, c.states = silence{}, nil
	return nil
}
