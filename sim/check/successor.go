package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// successors are those whom a leader may hand leadership to that was asked to hand it to anybody.
type successors struct {
	id  engine.ProposalID // of the request; zero: none is under way
	may []engine.NodeID
}

// checkSuccessor: who is asked to hand leadership to anybody hands it to a voter that answers, of those to one that holds
// most of the log, and says at once so when nobody answers (dissertation §3.10): nobody can take over who is not there.
func checkSuccessor(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	s := &n.conduct.successors
	if before.Role != engine.Leader || n.status.Role != engine.Leader {
		s.id = 0
		return nil
	}
	asked, ok := event.(*engine.TransferLeadership)
	if ok && asked.Target == 0 && n.conduct.handover.id == 0 {
		*s = successors{asked.ID, n.mayTakeOver()}
	}
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.TransferFailed:
			if a.ID == s.id {
				s.id = 0
			}
		case *engine.Send:
			if _, ok := a.Message.(*engine.TimeoutNow); ok && s.id != 0 && !slices.Contains(s.may, a.To) {
				return violated("successor", "%v asks %v to take over, and of those that answered %v held most", n.peer.ID, a.To, s.may)
			}
		default:
		}
	}
	if ok && s.id == asked.ID && len(s.may) == 0 {
		return violated("successor", "%v hands leadership over, and no voter has answered lately", n.peer.ID)
	}
	return nil
}

// mayTakeOver returns the voters that have answered within two rounds of heartbeats, or are members for no longer, and hold
// as much as any of them.
func (n *node) mayTakeOver() (may []engine.NodeID) {
	k, lately := &n.conduct.numbers, 2*n.conduct.cfg.HeartbeatIntervalTicks
	most := engine.Index(0)
	silence := func(p *follower) int { return k.ticks - max(k.of(p.peer).answeredAt, k.of(p.peer).since, p.since) }
	for _, m := range n.status.Membership.Members {
		if p := n.conduct.followers.member(m.ID); p != nil && m.Role == engine.Voter && silence(p) < lately {
			most = max(most, p.match)
		}
	}
	for _, m := range n.status.Membership.Members {
		if p := n.conduct.followers.member(m.ID); p != nil && m.Role == engine.Voter && silence(p) <= lately+1 && p.held >= most {
			may = append(may, m.ID)
		}
	}
	return may
}
