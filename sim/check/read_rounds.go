package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// readRounds are the reads that wait at a leader, in the order in which they came.
type readRounds struct {
	term    engine.Term
	sent    engine.SendNumber // before the present Step
	waiting []waitingRead
}

type waitingRead struct {
	id    engine.ReadID
	after engine.SendNumber // answers to heartbeats above this number confirm it
	index engine.Index      // that was committed when it came
	ticks int               // since nothing keeps it waiting
	done  bool              // a majority has confirmed it
}

// checkReadRounds: one round of heartbeats serves all reads that wait, so while one waits for a majority another one starts
// no round (dissertation §6.4). A read that a majority has confirmed and whose index is applied is answered with the next
// heartbeats at the latest: an answer that nobody is left to give is not waited for. And a lease is a round's of the same
// term: before a majority has answered a heartbeat of it nothing is served.
func checkReadRounds(n *node, event engine.Event, actions []engine.Action) error {
	r := &n.conduct.rounds
	sent := r.sent
	r.sent = n.conduct.numbers.sent
	if n.status.Role != engine.Leader || r.term != n.status.Term {
		*r = readRounds{term: n.status.Term, sent: r.sent}
		return nil
	}
	asked, asks := event.(*engine.ProposeRead)
	if !asks && len(r.waiting) == 0 {
		return nil
	}
	quorum := n.conduct.followers.quorum(n)
	r.confirm(&n.conduct, quorum)
	if asks && r.underWay() && slices.ContainsFunc(actions, isHeartbeat) {
		return violated("read rounds", "%v starts a round for read %d, and one is under way", n.peer.ID, asked.ID)
	}
	if asks {
		r.waiting = append(r.waiting, waitingRead{id: asked.ID, after: sent, index: n.status.Commit})
	}
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.ReadReady:
			if !n.conduct.followers.heard {
				return violated("read rounds", "%v serves read %d, and no majority has answered a heartbeat of term %d", n.peer.ID, a.ID, n.status.Term)
			}
			r.forget(a.ID)
		case *engine.ReadFailed:
			r.forget(a.ID)
		default:
		}
	}
	if _, ticks := event.(*engine.Tick); ticks {
		return r.age(n, quorum)
	}
	return nil
}

// confirm takes in up to where a majority has answered. A lease confirms as well, and so may answers to appends.
func (r *readRounds) confirm(c *conduct, quorum engine.SendNumber) {
	for i := range r.waiting {
		w := &r.waiting[i]
		w.done = w.done || w.after < quorum || c.reads[w.id].proven
	}
}

// underWay reports whether a read waits for answers.
func (r *readRounds) underWay() bool {
	return slices.ContainsFunc(r.waiting, func(w waitingRead) bool { return !w.done })
}

// age lets a tick pass for the reads that nothing keeps waiting.
func (r *readRounds) age(n *node, quorum engine.SendNumber) error {
	last := len(n.configurations) - 1
	if last >= 0 && n.configurations[last].position.Index > n.status.Commit {
		return nil // who counts is not settled
	}
	for i := range r.waiting {
		w := &r.waiting[i]
		if w.after >= quorum || w.index > n.handed {
			continue
		}
		if w.ticks++; w.ticks > n.conduct.cfg.HeartbeatIntervalTicks+1 {
			return violated("read rounds", "%v has not answered read %d for %d ticks, and a majority has confirmed it", n.peer.ID, w.id, w.ticks)
		}
	}
	return nil
}

func (r *readRounds) forget(id engine.ReadID) {
	r.waiting = slices.DeleteFunc(r.waiting, func(w waitingRead) bool { return w.id == id })
}

func isHeartbeat(action engine.Action) bool {
	send, ok := action.(*engine.Send)
	if !ok {
		return false
	}
	_, ok = send.Message.(*engine.Heartbeat)
	return ok
}

// quorum returns the highest number such that a majority of the voters has answered a heartbeat with it or a higher one.
func (f *followers) quorum(n *node) engine.SendNumber {
	var few [8]engine.SendNumber
	all := few[:0]
	for _, m := range n.status.Membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		number := engine.SendNumber(0)
		if m.ID == n.peer.ID {
			number = ^number
		} else if p := f.member(m.ID); p != nil && !n.conduct.numbers.of(p.peer).lostData {
			number = p.echoed
		}
		all = append(all, number)
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
