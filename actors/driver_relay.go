package actors

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// The leader's side of forwarding: proposals of other nodes' clients take the way of its own, bounds included.

// relays remember, of each peer, the newest proposal that it sent on, so that none is appended twice.
type relays map[engine.NodeID]relayed

type relayed struct{ origin, id uint64 }

// isNew notes a proposal and reports whether it was not seen before. Ids rise, and messages of one peer stay in order. Of
// peers beyond the largest cluster nothing is kept for long: ids cost nothing to make up.
func (r relays) isNew(from engine.NodeID, m *engine.ProposalForward) bool {
	if last := r[from]; last.origin == m.Origin && m.ID <= last.id {
		return false
	}
	if _, known := r[from]; !known && len(r) >= engine.MaxMembers {
		clear(r)
	}
	r[from] = relayed{origin: m.Origin, id: m.ID}
	return true
}

// relay proposes for a peer what its clients proposed to it.
func (d *driver) relay(from engine.Peer, m *engine.ProposalForward) {
	if !d.relays.isNew(from.ID, m) {
		return
	}
	d.relayedCount++
	port := &relayPort{core: d.core, life: d.life, to: from.ID, request: m, responses: make([][]byte, len(m.Commands))}
	if d.engine.Role() != engine.Leader || d.engine.Term() != m.Term {
		leader := d.engine.Leader()
		port.finish(0, redirected(leader, ""))
		return
	}
	p := &proposal{commands: m.Commands, reply: port, relayed: true}
	for _, command := range m.Commands {
		p.size += len(command)
	}
	d.core.mailbox.postProposal(p)
}

// relayPort answers the host of a peer. It is used once.
type relayPort struct {
	core      *core
	life      *life
	to        engine.NodeID
	request   *engine.ProposalForward
	responses [][]byte
	err       error // of encoding a response: the command was applied, but its answer cannot be told
}

func (p *relayPort) put(_ uint64, slot int, response any) {
	data, err := p.core.app.encodeResponse(response)
	p.responses[slot], p.err = data, errors.Join(p.err, err)
}

func (p *relayPort) finish(_ uint64, err error) {
	result := &engine.ProposalForwardResult{
		Term: p.request.Term, Origin: p.request.Origin, ID: p.request.ID, Outcome: forwardOutcome(errors.Join(err, p.err)),
	}
	if moved, ok := errors.AsType[*NotLeaderError](err); ok && result.Outcome == engine.ForwardNotLeader {
		result.Leader = moved.Leader
	}
	if lost, ok := errors.AsType[*OutcomeUnknownError](err); ok && lost.Index != 0 {
		result.Position = engine.Position{Term: lost.Term, Index: lost.Index}
	}
	if result.Outcome == engine.ForwardApplied {
		result.Responses = p.responses
	}
	p.life.send(p.to, result)
}

// forwardOutcome says in one word what became of a proposal. What is neither known to be applied nor known not to be is
// unknown, and that is looked at first: it may wrap anything.
func forwardOutcome(err error) engine.ForwardOutcome {
	if err == nil {
		return engine.ForwardApplied
	}
	for _, known := range []struct {
		kind    error
		outcome engine.ForwardOutcome
	}{
		{ErrOutcomeUnknown, engine.ForwardUnknown},
		{ErrNotLeader, engine.ForwardNotLeader},
		{ErrNoLeader, engine.ForwardNotLeader},
		{ErrDiskNearlyFull, engine.ForwardDiskNearlyFull},
		{ErrBusy, engine.ForwardBusy},
		{ErrTooLarge, engine.ForwardTooLarge},
		{ErrRejected, engine.ForwardRejected},
		{ErrShutdown, engine.ForwardShutdown},
	} {
		if errors.Is(err, known.kind) {
			return known.outcome
		}
	}
	return engine.ForwardUnknown
}

// relayedAnswer is the responses of a proposal that was forwarded, for the apply actor to decode.
type relayedAnswer struct {
	ticket
	responses [][]byte
}

func (*relayedAnswer) toApply() {}

// tell gives the caller of this node what the leader's machine has answered.
func (r *relayedAnswer) tell(app application) {
	for slot, data := range r.responses {
		response, err := app.decodeResponse(data)
		if err != nil {
			r.answer(unknown(engine.Position{}, fmt.Errorf("applied, but the response does not decode: %w", err)))
			return
		}
		r.reply.put(r.use, slot, response)
	}
	r.answer(nil)
}
