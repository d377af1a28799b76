package actors

import (
	"errors"
	"fmt"
	"slices"

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

// relay proposes for a peer what its clients proposed to it, unless one of the commands is bad.
func (d *driver) relay(from engine.Peer, m *engine.ProposalForward, bad error) {
	if !d.relays.isNew(from.ID, m) {
		return
	}
	d.relayedCount++
	port := &relayPort{core: d.core, life: d.life, to: from.ID, request: m}
	if err := d.refusalOfRelay(m, bad); err != nil {
		port.finish(0, err)
		return
	}
	port.responses = make([][]byte, len(m.Commands))
	p := &proposal{commands: m.Commands, reply: port, relayedIn: m.Term}
	for _, command := range m.Commands {
		p.size += len(command)
	}
	d.core.mailbox.postProposal(p)
}

// refusalOfRelay is why nothing is proposed for a peer. Where the codec has no responses the command would be applied and
// its caller could not be told what it answered: such callers go to the leader themselves.
func (d *driver) refusalOfRelay(m *engine.ProposalForward, bad error) error {
	if d.engine.Role() != engine.Leader || d.engine.Term() != m.Term || !d.core.app.hasResponses() {
		return redirected(d.engine.Leader(), "")
	}
	return bad
}

// refuseOutdated takes out of a batch what was sent on in another term than this one, and was queued since: who sent it
// has given it up.
func (d *driver) refuseOutdated(b *naturalBatch) {
	term := d.engine.Term()
	var outdated []ticket
	b.proposals = slices.DeleteFunc(b.proposals, func(p *proposal) bool {
		is := p.relayedIn != 0 && p.relayedIn != term
		if is {
			outdated = append(outdated, p.ticket())
		}
		return is
	})
	for _, t := range outdated {
		t.answer(redirected(d.engine.Leader(), ""))
	}
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
		Term: p.request.Term, Origin: p.request.Origin, ID: p.request.ID, Outcome: forwardOutcome(errors.Join(err, p.unanswerable())),
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

// errResponsesTooLarge is of responses that no message takes, which a transport would drop.
var errResponsesTooLarge = errors.New("actors: the responses are too large for one message")

// unanswerable returns why a proposal that was applied cannot be answered.
func (p *relayPort) unanswerable() error {
	size := 0
	for _, response := range p.responses {
		size += len(response)
	}
	if size > maxForwardBytes {
		return errResponsesTooLarge
	}
	return p.err
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
		{ErrBadCommand, engine.ForwardBadCommand},
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
