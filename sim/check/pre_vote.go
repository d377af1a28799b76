package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// preVotes: where pre-vote is on, nobody raises its term to campaign before a majority of its voters has said, to this very
// campaign, that it could win (dissertation §9.6), unless the leader asks for the election. Asking changes nobody's term.
// Neither a vote nor a pre-vote goes to a candidate whose log is behind (§3.6.1).
type preVotes struct {
	round engine.SendNumber // of the newest campaign
	from  []engine.Peer     // who granted it
}

func checkPreVotes(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	v := &n.conduct.preVotes
	incoming, _ := event.(*engine.Incoming)
	if incoming != nil {
		if err := n.askedForVote(before, incoming, actions); err != nil {
			return err
		}
		if m, ok := incoming.Message.(*engine.RequestPreVoteResponse); ok && m.Granted && m.Round == v.round && m.Term == before.Term+1 {
			v.from = append(v.from, incoming.From)
		}
	}
	if err := n.raises(before, incoming); err != nil {
		return err
	}
	for _, action := range actions {
		if send, ok := action.(*engine.Send); ok {
			if m, ok := send.Message.(*engine.RequestPreVote); ok && m.Round != v.round {
				*v = preVotes{round: m.Round}
			}
		}
	}
	return nil
}

// raises holds that a term is raised for a campaign only after a majority of pre-votes.
func (n *node) raises(before engine.Status, incoming *engine.Incoming) error {
	asked := false
	if incoming != nil {
		_, asked = incoming.Message.(*engine.TimeoutNow)
	}
	if n.status.Vote != n.peer.ID || n.status.Term == before.Term || asked || !n.conduct.cfg.PreVote {
		return nil
	}
	newborn := before.Last == engine.Position{Term: 1, Index: 1}
	voters, granted := 0, 0
	for _, m := range before.Membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		voters++
		if m.ID == n.peer.ID || slices.ContainsFunc(n.conduct.preVotes.from, func(p engine.Peer) bool {
			return p.ID == m.ID && (p.Incarnation == m.Incarnation || m.Incarnation == 0 && newborn)
		}) {
			granted++
		}
	}
	if granted <= voters/2 {
		return violated("pre-vote", "%v campaigns in term %d with %d pre-votes of %d voters", n.peer.ID, n.status.Term, granted, voters)
	}
	return nil
}

func (n *node) askedForVote(before engine.Status, incoming *engine.Incoming, actions []engine.Action) error {
	var last engine.Position
	switch m := incoming.Message.(type) {
	case *engine.RequestPreVote:
		if last = m.Last; n.status.Term != before.Term {
			return violated("pre-vote", "%v moves to term %d when it is asked for a pre-vote", n.peer.ID, n.status.Term)
		}
	case *engine.RequestVote:
		last = m.Last
	default:
		return nil
	}
	for _, action := range actions {
		if send, ok := action.(*engine.Send); ok && grants(send.Message) && last.Before(before.Last) {
			return violated("votes", "%v grants %v a vote, whose log ends at %v: its own at %v", n.peer.ID, send.To, last, before.Last)
		}
	}
	return nil
}
