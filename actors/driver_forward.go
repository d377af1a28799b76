package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// Forwarding, which Config.ForwardProposals turns on. A follower that knows its leader sends proposals on to it, instead of
// sending their callers there, and relays the answer:
//
//   - A proposal is sent once, to the leader of one term, and is good for that term only. A leader that sees it again, or
//     leads another term, does not append it. Who does not lead refuses it: nothing is forwarded twice.
//   - Its places in the bounds of this node are taken until it is answered, as if it were appended here, and the leader's
//     bounds hold there.
//   - It is answered once: by the leader's word, or with an unknown outcome when the term ends or no word comes.

// forwardPatience is how many of the longest election timeouts a forwarded proposal waits for its answer. A leader whose
// cluster works needs a fraction of one.
const forwardPatience = 4

// maxForwardBytes is what one message takes to the leader, so that it fits into a transport's frame.
const maxForwardBytes = maxCommandBytes

// forwarded is a proposal that was sent on and is not answered yet.
type forwarded struct {
	ticket
	leader   engine.NodeID
	term     engine.Term
	deadline engine.Instant
}

// forwards are the proposals that were sent on, by id, which is their order too.
type forwards struct {
	origin uint64 // of this life; zero: it forwards nothing
	first  uint64 // the id of queue[0]
	queue  []forwarded
}

// add returns the id of an item, from 1 on.
func (f *forwards) add(item forwarded) uint64 {
	f.queue = append(f.queue, item)
	return f.first + uint64(len(f.queue)) - 1
}

// take removes the item that the leader answers, if it still waits for that.
func (f *forwards) take(id uint64, leader engine.NodeID) (item forwarded, ok bool) {
	if id < f.first || id-f.first >= uint64(len(f.queue)) {
		return item, false
	}
	at := &f.queue[id-f.first]
	if item = *at; item.reply == nil || item.leader != leader {
		return item, false
	}
	*at = forwarded{}
	f.shift()
	return item, true
}

// shift forgets the oldest items as far as they are answered.
func (f *forwards) shift() {
	for len(f.queue) > 0 && f.queue[0].reply == nil {
		f.queue = f.queue[1:]
		f.first++
	}
}

// fail answers those that are lost with an unknown outcome.
func (f *forwards) fail(cause error, lost func(*forwarded) bool) {
	for i := range f.queue {
		if item := f.queue[i]; item.reply != nil && lost(&item) {
			f.queue[i] = forwarded{}
			item.answer(unknown(engine.Position{}, cause))
		}
	}
	f.shift()
}

// mayForward reports whether proposals go to the leader from here.
func (d *driver) mayForward() bool {
	leader := d.engine.Leader()
	return d.forwards.origin != 0 && d.phase == serving && leader != 0 && leader != d.core.cfg.ID
}

// forward sends everything that was queued on to the leader, one message a proposal.
func (d *driver) forward(b *naturalBatch) {
	leader, term := d.engine.Leader(), d.engine.Term()
	deadline := d.core.clock.Now() + forwardPatience*engine.Instant(d.electionTimeoutMax())
	var refused []ticket
	var messages []*engine.ProposalForward
	for _, p := range b.proposals {
		if p.relayedIn != 0 || p.size > maxForwardBytes || len(p.commands) > maxForwardCommands {
			refused = append(refused, p.ticket())
			continue
		}
		id := d.forwards.add(forwarded{ticket: p.ticket(), leader: leader, term: term, deadline: deadline})
		messages = append(messages, &engine.ProposalForward{
			Term: term, Origin: d.forwards.origin, ID: id, Commands: slices.Clone(p.commands), // p is its caller's again once it is answered
		})
	}
	d.core.mailbox.booked()
	for _, t := range refused {
		t.answer(d.notLeader(leader))
	}
	for _, m := range messages {
		d.forwardedCount++
		d.life.send(leader, m)
	}
}

// maxForwardCommands is what one message takes, as gateways do.
const maxForwardCommands = 1 << 16

// notLeader is what a client is told who has to go to the leader itself. This node is never named: it does not lead.
func (d *driver) notLeader(leader engine.NodeID) error {
	if leader == d.core.cfg.ID {
		leader = 0
	}
	m, _ := d.engine.Membership().Lookup(leader)
	return redirected(leader, m.Address)
}

// expireForwards gives up those whose leader has kept silent for too long.
func (d *driver) expireForwards() {
	now := d.core.clock.Now()
	d.forwards.fail(ErrForwardUnanswered, func(f *forwarded) bool { return now >= f.deadline })
}

// forwardAnswered relays the leader's word. Responses are decoded by the apply actor: that is the user's code.
func (d *driver) forwardAnswered(ctx actor.Context, from engine.Peer, m *engine.ProposalForwardResult) {
	if m.Origin != d.forwards.origin {
		return
	}
	item, waits := d.forwards.take(m.ID, from.ID)
	switch {
	case !waits:
	case m.Outcome == engine.ForwardApplied && len(m.Responses) == item.count:
		ctx.Send(d.apply, &relayedAnswer{ticket: item.ticket, responses: m.Responses})
	default:
		item.answer(d.forwardError(m))
	}
}

// forwardError returns what the leader's refusal means to a client of this node. It should come back here: that the leader
// is stopping is no reason to leave this node.
func (d *driver) forwardError(m *engine.ProposalForwardResult) error {
	switch m.Outcome {
	case engine.ForwardNotLeader:
		return d.notLeader(m.Leader)
	case engine.ForwardBusy:
		return ErrBusy
	case engine.ForwardDiskNearlyFull:
		return ErrDiskNearlyFull
	case engine.ForwardTooLarge:
		return ErrTooLarge
	case engine.ForwardBadCommand:
		return ErrBadCommand
	case engine.ForwardRejected:
		return ErrRejected
	case engine.ForwardShutdown:
		return ErrNoLeader
	case engine.ForwardApplied, engine.ForwardUnknown:
	}
	return unknown(m.Position, ErrForwardUnanswered)
}
