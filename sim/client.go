package sim

import (
	"encoding/binary"

	"github.com/yggr-go/yggr/engine"
)

// client is every client of the cluster at once. It knows what it was told, and nothing else.
type client struct {
	calls    map[engine.ProposalID]call // without an answer
	lastID   engine.ProposalID
	lastRead engine.ReadID
	commands uint64          // given to anybody so far; numbers them
	seen     engine.Index    // the newest state that any answer was about
	replaced map[uint64]bool // commands that are known not to be applied, now or ever
	probe    uint64          // the first command of the end
	probed   engine.Index    // where one of those was applied
}

// call is a request.
type call struct {
	kind   injection
	floor  engine.Index // what the client had seen when it asked
	first  uint64       // its commands are numbered from here on
	change engine.ConfigChange
}

// waiter is a client that waits for an entry to be applied at the node that took it.
type waiter struct {
	term    engine.Term
	floor   engine.Index
	command uint64               // zero: a change of the membership
	change  *engine.ConfigChange // nil: a command
}

func newClient() client {
	return client{
		calls: map[engine.ProposalID]call{}, replaced: map[uint64]bool{},
	}
}

// propose gives a node so many commands.
func (w *world) propose(n *node, count int, c *chance) {
	if w.refusesWrites(n) {
		return
	}
	k := &w.client
	k.lastID++
	kind := injectProposal
	commands := make([][]byte, count)
	first := k.commands + 1
	for i := range commands {
		k.commands++
		size := 8 + c.intN(40)
		if c.happens(w.weather.largeValues) {
			size += c.intN(3000) // more than a sector, so that a write of it can be torn
		}
		if c.happens(w.weather.disks.pages) {
			size = pageSize(c)
		}
		commands[i] = binary.BigEndian.AppendUint64(make([]byte, 0, size), k.commands)[:size]
	}
	var event engine.Event = &engine.ClientProposal{Now: w.time(n), ID: k.lastID, Command: commands[0]}
	if count > 1 {
		kind, event = injectBatch, &engine.ClientProposalBatch{Now: w.time(n), ID: k.lastID, Commands: commands}
	}
	k.calls[k.lastID] = call{kind: kind, floor: k.seen, first: first}
	w.tell("%v is asked for %d commands from %d on", n.id, count, first)
	w.counters.Calls[Proposed]++
	w.step(n, event)
}

// read asks a node for a linearizable read.
func (w *world) read(n *node) {
	k := &w.client
	k.lastRead++
	n.reads[k.lastRead] = k.seen
	w.tell("%v is asked for read %d", n.id, k.lastRead)
	w.counters.Calls[ReadAsked]++
	ready := w.counters.Calls[ReadConfirmed]
	w.step(n, &engine.ProposeRead{Now: w.time(n), ID: k.lastRead})
	if w.counters.Calls[ReadConfirmed] > ready && len(n.status.Membership.Voters()) > 1 {
		w.counters.Calls[ReadByLease]++
	}
}

// readReady puts a read into the machine's queue.
func (w *world) readReady(n *node, a *engine.ReadReady) {
	w.counters.Calls[ReadConfirmed]++
	w.handTask(n, task{read: a.ID, index: a.Index})
}

// serveRead answers a read with the state that the machine is in. It must not be older than what anybody had been told
// when it was asked.
func (w *world) serveRead(n *node, t task) {
	floor, waits := n.reads[t.read]
	at := n.machine.state.position.Index
	switch {
	case !waits:
		w.failf("requests", "%v answers read %d twice", n.id, t.read)
	case at < t.index || at < floor:
		w.failf("linearizable", "%v serves read %d at %d; it is to see %d, and clients had seen %d", n.id, t.read, at, t.index, floor)
	}
	delete(n.reads, t.read)
	w.counters.Calls[ReadServed]++
	w.client.seen = max(w.client.seen, at)
}

// answer takes what an engine says to a request. It reports whether the action is one.
func (w *world) answer(n *node, action engine.Action) bool {
	switch a := action.(type) {
	case *engine.ProposalAccepted:
		asked := w.answered(a.ID)
		for i := range a.Count {
			n.waiters[a.First+engine.Index(i)] = waiter{term: a.Term, floor: asked.floor, command: asked.first + uint64(i)}
		}
		w.counters.Calls[Accepted]++
	case *engine.ConfigChangeAccepted:
		asked := w.answered(a.ID)
		n.waiters[a.Position.Index] = waiter{term: a.Position.Term, floor: asked.floor, change: &asked.change}
		w.counters.Changes[asked.change.Kind]++
	case *engine.Redirect:
		w.answered(a.ID)
		w.counters.Calls[Redirected]++
	case *engine.ProposalRejected:
		w.answered(a.ID)
		w.counters.Calls[Refused]++
	case *engine.ConfigChangeRejected:
		w.answered(a.ID)
		w.counters.Calls[ChangeRefused]++
	case *engine.TransferDone:
		w.answered(a.ID)
		w.counters.Calls[Transferred]++
	case *engine.TransferFailed:
		w.answered(a.ID)
		w.counters.Calls[NotTransferred]++
	default:
		return false
	}
	return true
}

// answered takes a call that has its answer.
func (w *world) answered(id engine.ProposalID) call {
	asked, waits := w.client.calls[id]
	if !waits {
		w.failf("requests", "request %d is answered, which was not asked or has its answer", id)
	}
	delete(w.client.calls, id)
	return asked
}

// applied takes in that a node's machine has applied an entry, which is what a client waits for.
func (k *client) applied(w *world, n *node, e engine.Entry) {
	if len(k.replaced) > 0 && e.Kind == engine.EntryCommand && k.replaced[binary.BigEndian.Uint64(e.Data)] {
		w.failf("requests", "%v applies command %d at %v, which was certainly not applied", n.id, binary.BigEndian.Uint64(e.Data), e.Position())
		return
	}
	k.isProbe(e)
	waiting, found := n.waiters[e.Index]
	if !found {
		return
	}
	delete(n.waiters, e.Index)
	switch {
	case waiting.term != e.Term:
		w.counters.Calls[Replaced]++
		if waiting.change == nil {
			k.replaced[waiting.command] = true
		}
	case e.Index <= waiting.floor:
		w.failf("linearizable", "%v acknowledges %v, and clients had seen %d when it was asked", n.id, e.Position(), waiting.floor)
	case waiting.change != nil:
		w.receipt(n, e, *waiting.change)
	case e.Kind != engine.EntryCommand || binary.BigEndian.Uint64(e.Data) != waiting.command:
		w.failf("requests", "%v acknowledges command %d and applied %v %x", n.id, waiting.command, e.Position(), e.Data)
	default:
		w.counters.acknowledged()
		k.seen = max(k.seen, e.Index)
	}
}

// receipt holds that a change of the membership is in force where its receipt says so.
func (w *world) receipt(n *node, e engine.Entry, change engine.ConfigChange) {
	w.client.seen = max(w.client.seen, e.Index)
	w.counters.changed(w.node(change.Target))
	s := &n.machine.state
	member, found := s.membership.Lookup(change.Target)
	ok := s.configuration == e.Index
	switch change.Kind {
	case engine.ChangeAddVoter, engine.ChangePromote:
		ok = ok && found && member.Role == engine.Voter
	case engine.ChangeAddLearner, engine.ChangeDemote:
		ok = ok && found && member.Role == engine.Learner
	case engine.ChangeRemove:
		ok = ok && !found
	case engine.ChangeUpdateAddress:
		ok = ok && found && member.Address == change.Address
	case engine.ChangeFounders, engine.ChangeBind:
	}
	if !ok {
		w.failf("receipts", "%v acknowledges to %v %v at %v, and the membership is %v", n.id, change.Kind, change.Target, e.Position(), s.membership)
	}
}

// jumped ends the waiting for what a snapshot brought: nobody knows what became of it.
func (k *client) jumped(n *node, index engine.Index) {
	for at := range n.waiters {
		if at <= index {
			delete(n.waiters, at)
		}
	}
}

// lifeEnded ends all waiting for a life of a node.
func (k *client) lifeEnded(n *node) { n.waiters, n.reads = nil, nil }
