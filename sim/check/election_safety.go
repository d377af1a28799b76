package check

import "github.com/yggr-go/yggr/engine"

// electionSafety: at most one node leads in a term (dissertation §3.2, Figure 3.2).
type electionSafety struct {
	leaders map[engine.Term]engine.NodeID
}

func (e *electionSafety) stepped(n *node) error {
	if n.status.Role != engine.Leader {
		return nil
	}
	return e.leads(n.peer.ID, n.status.Term)
}

// left takes what only a leader says for a claim to lead: a node that sends it leads, whatever it calls itself.
func (e *electionSafety) left(n *node, message engine.Message) error {
	if !leaderMessage(message) {
		return nil
	}
	return e.leads(n.peer.ID, message.MessageTerm())
}

func (e *electionSafety) leads(id engine.NodeID, term engine.Term) error {
	leader, known := e.leaders[term]
	if known && leader != id {
		return violated("election safety", "%v leads term %d, and so does %v", id, term, leader)
	}
	e.leaders[term] = id
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
