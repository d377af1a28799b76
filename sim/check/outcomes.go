package check

import (
	"bytes"

	"github.com/yggr-go/yggr/engine"
)

// outcomes: a proposal is answered once, in the Step that took it, by exactly one of accepted, redirected and
// rejected. What was accepted stands in the log where the answer says; what was refused is never applied. A
// command is acknowledged when the node that accepted it applies it in the same life: in the end every node must
// have applied it. (That later leaders hold it is leader completeness, for nothing is applied uncommitted.)
//
// Commands must be unique within a run: they are told apart by their bytes.
type outcomes struct {
	answered     map[answerKey]bool
	accepted     map[engine.NodeID]map[engine.Position]bool // of the present life
	refused      map[string]engine.NodeID
	acknowledged []acknowledgement
}

type answerKey struct {
	node engine.NodeID
	id   engine.ProposalID
}

type acknowledgement struct {
	position engine.Position
	node     engine.NodeID
}

func newOutcomes() outcomes {
	return outcomes{
		answered: map[answerKey]bool{},
		accepted: map[engine.NodeID]map[engine.Position]bool{},
		refused:  map[string]engine.NodeID{},
	}
}

func (o *outcomes) crashed(id engine.NodeID) { delete(o.accepted, id) }

func (o *outcomes) stepped(n *node, event engine.Event, actions []engine.Action) error {
	id, commands, proposed := proposal(event)
	answers := 0
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.ProposalAccepted:
			answers++
			if err := o.accept(n, a, commands, proposed && a.ID == id); err != nil {
				return err
			}
		case *engine.Redirect:
			answers++
			if err := o.refuse(n, a.ID, commands, proposed && a.ID == id); err != nil {
				return err
			}
		case *engine.ProposalRejected:
			answers++
			if err := o.refuse(n, a.ID, commands, proposed && a.ID == id); err != nil {
				return err
			}
		case *engine.Apply:
			if err := o.applied(n, a.Entries); err != nil {
				return err
			}
		default:
		}
	}
	if proposed && answers != 1 {
		return violated("outcomes", "%v answers proposal %d %d times", n.peer.ID, id, answers)
	}
	return nil
}

func proposal(event engine.Event) (engine.ProposalID, [][]byte, bool) {
	switch e := event.(type) {
	case *engine.ClientProposal:
		return e.ID, [][]byte{e.Command}, true
	case *engine.ClientProposalBatch:
		return e.ID, e.Commands, true
	default:
	}
	return 0, nil, false
}

func (o *outcomes) answer(n *node, id engine.ProposalID, asked bool) error {
	key := answerKey{n.peer.ID, id}
	if !asked || o.answered[key] {
		return violated("outcomes", "%v answers proposal %d, which was not asked in this step or has its answer", n.peer.ID, id)
	}
	o.answered[key] = true
	return nil
}

func (o *outcomes) accept(n *node, a *engine.ProposalAccepted, commands [][]byte, asked bool) error {
	if err := o.answer(n, a.ID, asked); err != nil {
		return err
	}
	if a.Count != len(commands) || a.Term != n.status.Term || n.status.Role != engine.Leader {
		return violated("outcomes", "%v accepts %d of %d commands for term %d as %v of term %d",
			n.peer.ID, a.Count, len(commands), a.Term, n.status.Role, n.status.Term)
	}
	if o.accepted[n.peer.ID] == nil {
		o.accepted[n.peer.ID] = map[engine.Position]bool{}
	}
	for i, command := range commands {
		p := engine.Position{Term: a.Term, Index: a.First + engine.Index(i)}
		entry, ok := n.memory.log.at(p.Index)
		if !ok || entry.Term != p.Term || entry.Kind != engine.EntryCommand || !bytes.Equal(entry.Data, command) {
			return violated("outcomes", "%v accepts %q at %v and has %v %v %q there",
				n.peer.ID, command, p, entry.Position(), entry.Kind, entry.Data)
		}
		o.accepted[n.peer.ID][p] = true
	}
	return nil
}

func (o *outcomes) refuse(n *node, id engine.ProposalID, commands [][]byte, asked bool) error {
	if err := o.answer(n, id, asked); err != nil {
		return err
	}
	for _, command := range commands {
		o.refused[string(command)] = n.peer.ID
	}
	return nil
}

func (o *outcomes) applied(n *node, entries []engine.Entry) error {
	for _, entry := range entries {
		if by, refused := o.refused[string(entry.Data)]; refused && entry.Kind == engine.EntryCommand {
			return violated("outcomes", "%v applies %q at %v, which %v refused", n.peer.ID, entry.Data, entry.Position(), by)
		}
		if o.accepted[n.peer.ID][entry.Position()] {
			o.acknowledged = append(o.acknowledged, acknowledgement{entry.Position(), n.peer.ID})
		}
	}
	return nil
}

func (o *outcomes) converged(n *node) error {
	for _, a := range o.acknowledged {
		if a.position.Index > n.handed || !n.memory.log.holds(a.position) {
			return violated("outcomes", "%v has applied up to %d and lacks %v, which %v acknowledged",
				n.peer.ID, n.handed, a.position, a.node)
		}
	}
	return nil
}
