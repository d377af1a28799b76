package actors

import (
	"fmt"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// unsyncedBatches is how many natural batches may be on their way to the leader's disk. While one is being
// synced the next one gathers behind it; more would only make them smaller, without making any of them durable
// earlier.
const unsyncedBatches = 2

// inquiry is the tickets of one batch that was handed to the engine and is not answered by it yet.
type inquiry struct {
	id      engine.ProposalID
	tickets []ticket
}

// propose gives the engine everything that was queued as one batch: one append, one sync, one message a
// follower, and no added latency.
func (d *driver) propose(ctx actor.Context, b *naturalBatch) {
	if d.refusal() == nil {
		if d.refuseOutdated(b); len(b.proposals) == 0 {
			return
		}
		if d.mayForward() {
			d.forward(b)
			return
		}
	}
	d.inquire(b)
	d.core.mailbox.booked()
	if err := d.refusalOfWrites(); err != nil {
		d.refuse(d.batches, err)
		clear(d.commands)
		return
	}
	d.events.batch = engine.ClientProposalBatch{Now: d.core.clock.Now(), ID: d.batches, Commands: d.commands}
	before := d.issued
	d.step(ctx, &d.events.batch)
	clear(d.commands)
	if d.issued > before {
		d.writes = append(d.writes, d.issued)
		d.core.mailbox.hold(len(d.writes) >= unsyncedBatches)
	}
}

// inquire notes whom the engine's answer to the batch concerns. Usually it comes in the same step; with
// Config.MaxBatchDelayTicks several batches may wait for theirs.
func (d *driver) inquire(b *naturalBatch) {
	d.batches++
	d.commands = d.commands[:0]
	tickets := d.spareTickets[:0]
	d.spareTickets = nil
	for _, p := range b.proposals {
		d.commands = append(d.commands, p.commands...)
		tickets = append(tickets, p.ticket())
	}
	d.inquiries = append(d.inquiries, inquiry{id: d.batches, tickets: tickets})
}

// answered returns the tickets of the batch that the engine answers, which is usually the only one. A batch that is
// refused at once overtakes those that are held.
func (d *driver) answered(id engine.ProposalID) []ticket {
	at := slices.IndexFunc(d.inquiries, func(q inquiry) bool { return q.id == id })
	if at < 0 {
		panic(fmt.Sprintf("actors: the engine answers batch %d, which nobody waits for", id))
	}
	tickets := d.inquiries[at].tickets
	d.inquiries = slices.Delete(d.inquiries, at, at+1)
	return tickets
}

// reuse keeps the memory of answered tickets for the next batch.
func (d *driver) reuse(tickets []ticket) {
	clear(tickets)
	d.spareTickets = tickets
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

// refusalOfWrites is why the driver takes no commands. A full disk would end the node, so a leader stops before that;
// who does not lead sends its clients elsewhere.
func (d *driver) refusalOfWrites() error {
	if err := d.refusal(); err != nil {
		return err
	}
	if d.view.role == engine.Leader && d.storage.NearlyFull() {
		return ErrDiskNearlyFull
	}
	return nil
}

// accepted makes the proposals of a batch wait for their entries.
func (d *driver) accepted(action *engine.ProposalAccepted) {
	first := action.First
	tickets := d.answered(action.ID)
	for _, t := range tickets {
		d.waiters.add(waiter{ticket: t, first: first, term: action.Term})
		first += engine.Index(t.count)
	}
	d.reuse(tickets)
}

// refuse answers the proposals of a batch of which nothing was appended.
func (d *driver) refuse(id engine.ProposalID, err error) {
	tickets := d.answered(id)
	for _, t := range tickets {
		t.answer(err)
	}
	d.reuse(tickets)
}

// abandonInquiries answers what the engine has not answered and never will.
func (d *driver) abandonInquiries(cause error) {
	for _, q := range d.inquiries {
		for _, t := range q.tickets {
			t.answer(unknown(engine.Position{}, cause))
		}
	}
	d.inquiries = nil
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
