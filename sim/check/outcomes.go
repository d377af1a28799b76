package check

import (
	"bytes"
	"maps"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// outcomes: a proposal, and a change of the membership, is answered once, in the Step that took it, by exactly one of
// accepted, redirected and rejected; a transfer of leadership is answered once, sooner or later, and so is a proposal where
// proposals may be held for a batch. What was accepted stands in the log where the answer says; what was refused is never
// applied. A command is acknowledged when the node that accepted it applies it in the same life: in the end every node must
// have applied it. (That later leaders hold it is leader completeness, for nothing is applied uncommitted.)
//
// Commands must be unique within a run: they are told apart by their bytes.
type outcomes struct {
	held         bool                   // proposals may be answered later
	asked        map[answerKey][][]byte // the commands of what has no answer yet, of the present life
	answered     map[answerKey]bool
	transfers    map[answerKey]bool                         // begun and not answered, of the present life
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
		asked: map[answerKey][][]byte{}, answered: map[answerKey]bool{}, transfers: map[answerKey]bool{},
		accepted: map[engine.NodeID]map[engine.Position]bool{},
		refused:  map[string]engine.NodeID{},
	}
}

func (o *outcomes) crashed(id engine.NodeID) {
	delete(o.accepted, id)
	maps.DeleteFunc(o.transfers, func(key answerKey, _ bool) bool { return key.node == id })
	maps.DeleteFunc(o.asked, func(key answerKey, _ [][]byte) bool { return key.node == id })
}

func (o *outcomes) stepped(n *node, event engine.Event, actions []engine.Action) error {
	if transfer, ok := event.(*engine.TransferLeadership); ok {
		o.transfers[answerKey{n.peer.ID, transfer.ID}] = true
	}
	id, commands, proposed := proposal(event)
	key := answerKey{n.peer.ID, id}
	if proposed && !o.answered[key] {
		o.asked[key] = commands
	}
	for _, action := range actions {
		if err := o.judge(n, event, action); err != nil {
			return err
		}
	}
	_, isChange := event.(*engine.ProposeConfigChange)
	if _, waits := o.asked[key]; proposed && waits && (isChange || !o.held) {
		return violated("outcomes", "%v does not answer proposal %d", n.peer.ID, id)
	}
	return nil
}

func (o *outcomes) judge(n *node, event engine.Event, action engine.Action) error {
	switch a := action.(type) {
	case *engine.ProposalAccepted:
		return o.accept(n, a)
	case *engine.ConfigChangeAccepted:
		return o.acceptChange(n, a, event)
	case *engine.ConfigChangeRejected:
		return o.refuse(n, a.ID)
	case *engine.TransferDone:
		return o.endTransfer(n, a.ID)
	case *engine.TransferFailed:
		return o.endTransfer(n, a.ID)
	case *engine.Redirect:
		if o.transfers[answerKey{n.peer.ID, a.ID}] {
			return o.endTransfer(n, a.ID)
		}
		return o.refuse(n, a.ID)
	case *engine.ProposalRejected:
		return o.refuse(n, a.ID)
	case *engine.Apply:
		return o.applied(n, a.Entries)
	default:
	}
	return nil
}

func proposal(event engine.Event) (engine.ProposalID, [][]byte, bool) {
	switch e := event.(type) {
	case *engine.ClientProposal:
		return e.ID, [][]byte{e.Command}, true
	case *engine.ClientProposalBatch:
		return e.ID, slices.Clone(e.Commands), true
	case *engine.ProposeConfigChange:
		return e.ID, nil, true
	default:
	}
	return 0, nil, false
}

// answer takes note of the one answer to a proposal and returns its commands.
func (o *outcomes) answer(n *node, id engine.ProposalID) ([][]byte, error) {
	key := answerKey{n.peer.ID, id}
	commands, waits := o.asked[key]
	if !waits {
		return nil, violated("outcomes", "%v answers proposal %d, which was not asked or has its answer", n.peer.ID, id)
	}
	delete(o.asked, key)
	o.answered[key] = true
	return commands, nil
}

func (o *outcomes) accept(n *node, a *engine.ProposalAccepted) error {
	commands, err := o.answer(n, a.ID)
	if err != nil {
		return err
	}
	if a.Count != len(commands) || a.Term != n.status.Term || n.status.Role != engine.Leader {
		return violated("outcomes", "%v accepts %d of %d commands for term %d as %v of term %d",
			n.peer.ID, a.Count, len(commands), a.Term, n.status.Role, n.status.Term)
	}
	for i, command := range commands {
		p := engine.Position{Term: a.Term, Index: a.First + engine.Index(i)}
		entry, ok := n.memory.log.at(p.Index)
		if !ok || entry.Term != p.Term || entry.Kind != engine.EntryCommand || !bytes.Equal(entry.Data, command) {
			return violated("outcomes", "%v accepts %q at %v and has %v %v %q there",
				n.peer.ID, command, p, entry.Position(), entry.Kind, entry.Data)
		}
		o.remember(n, p)
	}
	return nil
}

func (o *outcomes) remember(n *node, p engine.Position) {
	if o.accepted[n.peer.ID] == nil {
		o.accepted[n.peer.ID] = map[engine.Position]bool{}
	}
	o.accepted[n.peer.ID][p] = true
}

// acceptChange holds that an accepted change stands in the log where the answer says.
func (o *outcomes) acceptChange(n *node, a *engine.ConfigChangeAccepted, event engine.Event) error {
	asked, ok := event.(*engine.ProposeConfigChange)
	if _, err := o.answer(n, a.ID); err != nil {
		return err
	}
	if !ok || asked.ID != a.ID {
		return violated("outcomes", "%v answers change %d, which was not asked in this step", n.peer.ID, a.ID)
	}
	newest := configurationAt{}
	if len(n.configurations) > 0 {
		newest = n.configurations[len(n.configurations)-1]
	}
	if newest.position != a.Position || newest.Change != asked.Change.Kind || newest.Target != asked.Change.Target || n.status.Role != engine.Leader {
		return violated("outcomes", "%v of term %d, a %v, accepts to %v %v at %v and has %v %v at %v", n.peer.ID, n.status.Term, n.status.Role,
			asked.Change.Kind, asked.Change.Target, a.Position, newest.Change, newest.Target, newest.position)
	}
	o.remember(n, a.Position)
	return nil
}

func (o *outcomes) endTransfer(n *node, id engine.ProposalID) error {
	key := answerKey{n.peer.ID, id}
	if !o.transfers[key] {
		return violated("outcomes", "%v answers transfer %d, which was not asked for or has its answer", n.peer.ID, id)
	}
	delete(o.transfers, key)
	return nil
}

func (o *outcomes) refuse(n *node, id engine.ProposalID) error {
	commands, err := o.answer(n, id)
	if err != nil {
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
	for key := range o.asked {
		if key.node == n.peer.ID {
			return violated("outcomes", "%v has not answered proposal %d", key.node, key.id)
		}
	}
	for key := range o.transfers {
		if key.node == n.peer.ID {
			return violated("outcomes", "%v has not answered transfer %d", key.node, key.id)
		}
	}
	for _, a := range o.acknowledged {
		if a.position.Index > n.handed || !n.memory.log.holds(a.position) {
			return violated("outcomes", "%v has applied up to %d and lacks %v, which %v acknowledged",
				n.peer.ID, n.handed, a.position, a.node)
		}
	}
	return nil
}
