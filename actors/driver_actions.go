package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// unsyncedBatches is how many natural batches may be on their way to the leader's disk. While one is being
// synced the next one gathers behind it; more would only make them smaller, without making any of them durable
// earlier.
const unsyncedBatches = 2

// perform does what the engine says, in its order. What must be durable, and the messages that wait for it, go
// to the persistence actor as one order a step.
func (d *driver) perform(ctx actor.Context, actions []engine.Action) {
	for _, action := range actions {
		switch action := action.(type) {
		case *engine.PersistHardState:
			d.persist(action.Seq, persistRecord{state: action.State})
		case *engine.PersistLogEntries:
			d.persist(action.Seq, persistRecord{entries: action.Entries})
		case *engine.Send:
			d.send(action)
		case *engine.Apply:
			d.handedIndex = action.Entries[len(action.Entries)-1].Index
			ctx.Send(d.apply, &applyOrder{entries: action.Entries, waiters: d.waiters.take(d.handedIndex)})
		case *engine.ProposalAccepted:
			d.accepted(action)
		case *engine.Redirect:
			d.refuse(redirected(action.Leader, action.Address))
		case *engine.ProposalRejected:
			d.refuse(rejected(action.Reason))
		case *engine.ReadReady:
			d.readReady(ctx, action)
		case *engine.ReadFailed:
			d.readFailed(action)
		case *engine.PeerLostData:
			d.core.log.Error("peer lost data that it had acknowledged; it does not count until it is removed and added anew",
				"peer", action.Peer.String(), "acknowledged", uint64(action.Match), "claims", action.Claimed.String())
		case *engine.Fatal:
			d.fail(ctx, "engine", action.Err)
			return
		}
	}
	d.giveOrder(ctx)
}

func (d *driver) currentOrder() *persistOrder {
	if d.order == nil {
		d.order = &persistOrder{}
	}
	return d.order
}

func (d *driver) persist(seq engine.Seq, record persistRecord) {
	order := d.currentOrder()
	order.seq = seq
	order.records = append(order.records, record)
	d.issued = seq
	d.written, d.idle = true, false
}

// send lets a message leave, now or behind the writes that it waits for. With nothing on its way to the disk
// there is nothing to wait for.
func (d *driver) send(action *engine.Send) {
	if action.Wait && d.issued > d.durable {
		order := d.currentOrder()
		order.sends = append(order.sends, outgoing{to: action.To, message: action.Message})
		return
	}
	d.life.send(action.To, action.Message)
}

func (d *driver) giveOrder(ctx actor.Context) {
	if d.order == nil {
		return
	}
	d.order.commit = d.engine.Commit()
	ctx.Send(d.persistence, d.order)
	d.order = nil
}

// propose gives the engine everything that was queued as one batch: one append, one sync, one message a
// follower, and no added latency.
func (d *driver) propose(ctx actor.Context, b *naturalBatch) {
	d.natural = b.proposals
	if err := d.refusal(); err != nil {
		d.refuse(err)
		return
	}
	d.commands = d.commands[:0]
	for _, p := range b.proposals {
		d.commands = append(d.commands, p.commands...)
	}
	d.events.batch = engine.ClientProposalBatch{Now: d.core.clock.Now(), Commands: d.commands}
	before := d.issued
	d.step(ctx, &d.events.batch)
	clear(d.commands)
	if d.issued > before {
		d.writes = append(d.writes, d.issued)
		d.core.mailbox.hold(len(d.writes) >= unsyncedBatches)
	}
}

// refusal is why the driver takes no proposals and no reads; nil when it does.
func (d *driver) refusal() error {
	switch d.phase {
	case starting:
		return ErrNoLeader
	case failed:
		return d.core.failure
	case serving:
		return nil
	case draining, ended:
		return ErrShutdown
	}
	return ErrShutdown
}

// accepted makes the proposals of the current batch wait for their entries.
func (d *driver) accepted(action *engine.ProposalAccepted) {
	first := action.First
	for _, p := range d.natural {
		w := waiter{ticket: p.ticket(), first: first, term: action.Term}
		first += engine.Index(w.count)
		d.waiters.add(w)
	}
	d.natural = nil
}

// refuse answers the proposals of the current batch; none of them was appended.
func (d *driver) refuse(err error) {
	for _, p := range d.natural {
		p.ticket().answer(err)
	}
	d.natural = nil
}

func redirected(leader engine.NodeID, address string) error {
	if leader == 0 {
		return ErrNoLeader
	}
	return &NotLeaderError{Leader: leader, Address: address}
}

func rejected(reason engine.RejectReason) error {
	switch reason {
	case engine.RejectBusy:
		return ErrBusy
	case engine.RejectTooLarge:
		return ErrTooLarge
	}
	return fmt.Errorf("%w: %v", ErrRejected, reason)
}

// publish compares the engine with what was last seen of it and tells whom it concerns.
func (d *driver) publish(ctx actor.Context) {
	was := d.view
	d.view.role, d.view.term, d.view.leader = d.engine.Role(), d.engine.Term(), d.engine.Leader()
	if was.role == engine.Leader && (d.view.role != engine.Leader || d.view.term != was.term) {
		d.waiters.fail(ErrLostLeadership)
		ctx.Send(d.apply, &leadershipLost{handed: d.handedIndex})
	}
	members := d.engine.Membership().Members
	moved := !sameSlice(members, was.membership)
	if moved {
		d.view.membership = members
		if d.transporter != nil {
			ctx.Send(d.transporter, &setRoutes{members: members})
		}
	}
	if moved || d.view.leader != was.leader || d.view.term != was.term {
		d.publishLeader()
	}
	if d.view.role != was.role || d.view.term != was.term {
		d.core.log.Info("role", "role", d.view.role.String(), "term", uint64(d.view.term), "leader", uint64(d.view.leader))
	}
}

func (d *driver) publishLeader() {
	if d.view.leader == 0 {
		d.core.leader.Store(nil)
		return
	}
	leader := &Leader{ID: d.view.leader, Term: d.view.term}
	if m, ok := d.engine.Membership().Lookup(d.view.leader); ok {
		leader.Address = m.Address
	}
	d.core.leader.Store(leader)
}

// sameSlice reports whether two immutable slices are one. Memberships are never changed in place.
func sameSlice(a, b []engine.Member) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
