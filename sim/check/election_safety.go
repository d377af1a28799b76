package check

import "github.com/yggr-go/yggr/engine"

// electionSafety: at most one incarnation of one node leads in a term (dissertation §3.2, Figure 3.2).
type electionSafety struct {
	leaders map[engine.Term]engine.Peer
}

func (e *electionSafety) stepped(n *node) error {
	if n.status.Role != engine.Leader {
		return nil
	}
	return e.leads(n.peer, n.status.Term)
}

// left takes what only a leader says for a claim to lead: a node that sends it leads, whatever it calls itself.
func (e *electionSafety) left(n *node, message engine.Message) error {
	if !leaderMessage(message) {
		return nil
	}
	return e.leads(n.peer, message.MessageTerm())
}

func (e *electionSafety) leads(who engine.Peer, term engine.Term) error {
	leader, known := e.leaders[term]
	if known && leader != who {
		return violated("election safety", "%v leads term %d, and so does %v", who, term, leader)
	}
	e.leaders[term] = who
	return nil
}

func leaderMessage(message engine.Message) bool {
	switch message.(type) {
	case *engine.AppendEntries, *engine.Heartbeat, *engine.TimeoutNow:
		return true
	default:
	}
	return false
}

// transferred holds that whoever is said to have taken leadership over did so.
func (e *electionSafety) transferred(n *node, actions []engine.Action) error {
	for _, action := range actions {
		if done, ok := action.(*engine.TransferDone); ok && e.leaders[done.Term].ID != done.Leader {
			return violated("outcomes", "%v says that %v leads term %d, and it is %v", n.peer.ID, done.Leader, done.Term, e.leaders[done.Term])
		}
	}
	return nil
}
