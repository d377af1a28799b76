package scenario

import (
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// node is one process and its directory.
type node struct {
	peer       engine.Peer
	engine     *engine.Engine // nil: not running
	disk       disk
	machine    machine
	store      store
	news       []engine.Event         // that the host has for the engine
	campaigns  int                    // how often it has asked somebody for a vote
	fatal      error                  // why the engine stopped this node
	reported   []engine.Peer          // whom this node has seen to have lost data
	minTimeout engine.Duration        // what its handshakes tell
	reads      map[engine.ReadID]bool // of this life, not answered yet
	rate       int64                  // how much its clock gains, in millionths
}

// machine is a state machine that only remembers.
type machine struct {
	waiting []task         // handed over, not applied
	applied []engine.Entry // that led to the state, from 1 on
	stalled bool

	sum           uint64 // of the state
	membership    engine.Membership
	configuration engine.Index // of the entry that made membership
}

// task is an entry to apply or a snapshot to restore.
type task struct {
	entry   engine.Entry
	restore *engine.SnapshotMeta
}

func (t task) index() engine.Index {
	if t.restore != nil {
		return t.restore.Position.Index
	}
	return t.entry.Index
}

// reincarnate gives the node an identity that it never had: n3 in its second life is 0302, in hexadecimal.
func (n *node) reincarnate() {
	if n.peer.Incarnation == 0 {
		n.peer.Incarnation = engine.Incarnation(n.peer.ID) << 8
	}
	n.peer.Incarnation++
}

// handle gives a node an event and does all that follows from it on the node itself.
func (c *Cluster) handle(n *node, event engine.Event) {
	c.step(n, event)
	c.settle(n)
}

// settle lets disk and machine answer until they have nothing to say, unless they are stalled.
func (c *Cluster) settle(n *node) {
	for n.engine != nil && c.err == nil {
		switch {
		case len(n.news) > 0:
			event := n.news[0]
			n.news = n.news[1:]
			c.step(n, event)
		case !n.disk.stalled && len(n.disk.queue) > 0:
			c.sync(n, n.disk.writes())
			c.confirm(n)
		case !n.machine.stalled && len(n.machine.waiting) > 0:
			c.apply(n, len(n.machine.waiting))
		default:
			return
		}
	}
}

func (c *Cluster) step(n *node, event engine.Event) {
	if c.err != nil || n.engine == nil {
		return
	}
	actions := n.engine.Step(event)
	n.engine.CheckInvariants()
	status := n.engine.Status()
	c.fail(c.options.Observer.Stepped(n.peer.ID, event, actions, status))
	for _, action := range actions {
		c.carryOut(n, action, status.Commit)
	}
}

// carryOut does what the engine asks. Nothing here calls the engine: its actions are valid until the next Step.
func (c *Cluster) carryOut(n *node, action engine.Action, commit engine.Index) {
	if n.engine == nil || c.err != nil {
		return
	}
	switch a := action.(type) {
	case *engine.PersistHardState:
		state := a.State
		c.enqueue(n, queued{seq: a.Seq, state: &state, commit: commit})
	case *engine.PersistLogEntries:
		c.enqueue(n, queued{seq: a.Seq, entries: a.Entries, commit: commit})
	case *engine.Send:
		n.countCampaign(a.Message)
		c.send(n, a)
	case *engine.Apply:
		c.tell("  %v hands %s to the state machine", n.peer.ID, span(a.Entries))
		for _, e := range a.Entries {
			n.machine.waiting = append(n.machine.waiting, task{entry: e})
		}
	case *engine.ProposalAccepted:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.Redirect:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.ProposalRejected:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.ReadReady:
		c.tell("  answers the client: r%d may read what is applied up to %d", a.ID, a.Index)
		delete(n.reads, a.ID)
	case *engine.ReadFailed:
		c.tell("  answers the client: r%d fails, %s", a.ID, readFailure{a})
		delete(n.reads, a.ID)
	case *engine.ConfigChangeAccepted:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.ConfigChangeRejected:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.TransferDone:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.TransferFailed:
		answer := *a
		c.answer(a.ID, &answer)
	case *engine.PeerLostData:
		c.tell("  %v reports that %v lost data: it had acknowledged %d and now conflicts at %v", n.peer.ID, a.Peer.ID, a.Match, a.Claimed)
		n.reported = append(n.reported, a.Peer)
	case *engine.Fatal:
		c.stop(n, a.Err)
	default:
		c.carryOutSnapshot(n, action, commit)
	}
}

func (c *Cluster) carryOutSnapshot(n *node, action engine.Action, commit engine.Index) {
	switch a := action.(type) {
	case *engine.PersistSnapshot:
		change := *a
		c.enqueue(n, queued{seq: a.Seq, change: &change, commit: commit})
	case *engine.ApplySnapshot:
		c.tell("  %v hands snapshot %v to the state machine", n.peer.ID, a.Snapshot)
		label := a.Snapshot
		n.machine.waiting = append(n.machine.waiting, task{restore: &label})
	case *engine.SnapshotHint:
		n.store.hinted = true
	case *engine.DiscardSnapshot:
		delete(n.store.files, a.ID)
	case *engine.SendSnapshot:
		n.store.sends[a.Transfer] = &outgoing{to: a.To, label: a.Snapshot, offset: a.Offset}
	case *engine.ReceiveSnapshot:
		n.news = append(n.news, c.expect(n, a))
	case *engine.AbortSnapshot:
		c.tell("  %v aborts a transfer", n.peer.ID)
		delete(n.store.sends, a.Transfer)
		delete(n.store.receives, a.Transfer)
	default:
		c.fail(fmt.Errorf("scenario: %v asks for %T", n.peer.ID, action))
	}
}

func (n *node) countCampaign(message engine.Message) {
	switch message.(type) {
	case *engine.RequestPreVote, *engine.RequestVote:
		n.campaigns++
	default:
	}
}

func (c *Cluster) enqueue(n *node, q queued) {
	c.tell("  %v writes %s", n.peer.ID, q)
	n.disk.queue = append(n.disk.queue, q)
}

func (c *Cluster) send(n *node, s *engine.Send) {
	e := envelope{from: n.peer, to: s.To, message: s.Message}
	if s.Wait && len(n.disk.queue) > 0 {
		if n.disk.stalled {
			c.tell("  waits for the disk: %s", e)
		}
		n.disk.queue = append(n.disk.queue, queued{message: e})
		return
	}
	c.leave(n, e)
}

// leave hands a message to the network.
func (c *Cluster) leave(n *node, e envelope) {
	c.fail(c.options.Observer.Left(n.peer.ID, e.to, e.message))
	if c.network.send(e) {
		c.tell("  sends %s", e)
	} else {
		c.tell("  sends %s, lost", e)
	}
}

// answer keeps a copy of the answer to a proposal: actions are valid until the next Step only.
func (c *Cluster) answer(id engine.ProposalID, answer engine.Action) {
	c.tell("  answers the client: %s", reply{answer})
	c.answers[id] = answer
}

// sync makes the oldest count writes durable and lets go the messages that waited for them only. The engine is
// not told yet: that takes a while on a real host, and others may answer those messages first.
func (c *Cluster) sync(n *node, count int) {
	for {
		q, ok := n.disk.next(count > 0)
		if !ok {
			break
		}
		if q.seq == 0 {
			c.leave(n, q.message)
			continue
		}
		count--
		n.disk.unsaid = q.seq
		n.disk.content.perform(q)
		c.fail(c.options.Observer.Durable(n.peer.ID, q.seq))
	}
}

// confirm tells the engine what is durable.
func (c *Cluster) confirm(n *node) {
	seq := n.disk.unsaid
	if n.disk.unsaid = 0; seq == 0 {
		return
	}
	if n.disk.stalled {
		c.tell("%v hears that it is durable up to write #%d", n.peer.ID, seq)
	}
	c.step(n, &engine.Persisted{Now: c.clock(n), Seq: seq})
	c.sweep(n)
}

// apply lets the machine apply the oldest count entries it was handed, and tells the engine.
func (c *Cluster) apply(n *node, count int) {
	done := n.machine.waiting[:count]
	n.machine.waiting = n.machine.waiting[count:]
	for _, t := range done {
		if t.restore != nil {
			c.restore(n, *t.restore)
			c.restored++
		} else {
			c.take(n, t.entry)
		}
	}
	c.step(n, &engine.Applied{Now: c.clock(n), Index: done[count-1].index()})
}

// stop ends a node that its engine declared beyond repair. Nothing leaves any more.
func (c *Cluster) stop(n *node, err error) {
	c.tell("  %v stops for good: %v", n.peer.ID, err)
	n.fatal = err
	c.end(n, 0)
}

func (c *Cluster) end(n *node, keep int) {
	n.engine, n.news = nil, nil
	n.store.forget()
	n.disk.crash(keep)
	c.options.Observer.Crashed(n.peer.ID)
}
