package check

import "github.com/yggr-go/yggr/engine"

// leaderCompleteness: an entry committed in a term is in the log of the leader of every later term
// (dissertation §3.6.3, Figure 3.2). Both orders are judged: a leader elected after the commit, and a commit
// that a deposed leader concludes from answers still on their way after its successor was elected.
type leaderCompleteness struct {
	committed []commitment // committed[i] is at index i+1
	leaders   []reign

	configurations []configurationAt // the committed ones
}

type commitment struct {
	position engine.Position
	term     engine.Term // in which it was committed
	by       engine.NodeID
}

// reign is a leader and its log when it was first seen to lead.
type reign struct {
	leader engine.NodeID
	term   engine.Term
	log    history
}

func (l *leaderCompleteness) stepped(n *node, before engine.Status) error {
	status := n.status
	if status.Role == engine.Leader && (before.Role != engine.Leader || before.Term != status.Term) {
		if err := l.elected(n); err != nil {
			return err
		}
	}
	if n.led(before) {
		return l.advanced(n)
	}
	return l.followed(n, before.Commit)
}

func (l *leaderCompleteness) elected(n *node) error {
	r := reign{leader: n.peer.ID, term: n.status.Term, log: n.memory.log}
	for _, entry := range l.committed {
		if err := r.keeps(entry); err != nil {
			return err
		}
	}
	l.leaders = append(l.leaders, r)
	return nil
}

// advanced takes note of what a leader commits.
func (l *leaderCompleteness) advanced(n *node) error {
	for index := engine.Index(len(l.committed)) + 1; index <= n.status.Commit; index++ {
		entry, ok := n.memory.log.at(index)
		if !ok {
			return violated("leader completeness", "%v leads term %d with commit %d and its log ends at %v",
				n.peer.ID, n.status.Term, n.status.Commit, n.memory.log.last())
		}
		c := commitment{position: entry.Position(), term: n.status.Term, by: n.peer.ID}
		for _, r := range l.leaders {
			if err := r.keeps(c); err != nil {
				return err
			}
		}
		l.committed = append(l.committed, c)
		for _, configuration := range n.configurations {
			if configuration.position == c.position {
				l.configurations = append(l.configurations, configuration)
			}
		}
	}
	return l.agrees(n, n.status.Commit)
}

// followed judges the commit index of a node that does not lead: a leader must have committed all of it, and
// the node must hold just that.
func (l *leaderCompleteness) followed(n *node, before engine.Index) error {
	if n.status.Commit == before {
		return nil
	}
	return l.agrees(n, n.status.Commit)
}

// knows reports whether a position is committed.
func (l *leaderCompleteness) knows(p engine.Position) bool {
	return p.Index > 0 && p.Index <= engine.Index(len(l.committed)) && l.committed[p.Index-1].position == p
}

// recovered judges the commit index that a restart begins with.
func (l *leaderCompleteness) recovered(n *node, commit engine.Index) error {
	return l.agrees(n, commit)
}

func (l *leaderCompleteness) agrees(n *node, commit engine.Index) error {
	if commit <= n.memory.log.base.Index {
		return nil
	}
	if commit > engine.Index(len(l.committed)) {
		return violated("leader completeness", "%v believes %d committed, leaders have committed %d", n.peer.ID, commit, len(l.committed))
	}
	if want := l.committed[commit-1]; !n.memory.log.holds(want.position) {
		return violated("leader completeness", "%v believes %d committed and does not hold %v, which %v committed in term %d",
			n.peer.ID, commit, want.position, want.by, want.term)
	}
	return nil
}

func (r reign) keeps(c commitment) error {
	if c.term >= r.term || r.log.holds(c.position) {
		return nil
	}
	return violated("leader completeness", "%v leads term %d without %v, which %v committed in term %d",
		r.leader, r.term, c.position, c.by, c.term)
}
