package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// checkQuorumHeard: a leader that no majority of its voters has answered for the minimum election timeout, in its own
// ticks, leads no longer (dissertation §6.2). Learners do not count, nor a member that lost data, and the leader itself
// only while it is a voter.
func checkQuorumHeard(n *node, before engine.Status, event engine.Event) error {
	k := &n.conduct.numbers
	k.dismiss(n, event)
	if _, ticks := event.(*engine.Tick); !ticks || !k.leads(n) || before.Role != engine.Leader {
		return nil
	}
	k.ticks++
	voters, heard := 0, 0
	for _, m := range n.status.Membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		voters++
		of := k.of(engine.Peer{ID: m.ID, Incarnation: m.Incarnation})
		if of.votedAt != k.ticks-1 {
			of.since = k.ticks
		}
		of.votedAt = k.ticks
		if m.ID == n.peer.ID || !of.lostData && k.ticks-max(of.answeredAt, of.since) <= n.conduct.cfg.ElectionTimeoutMinTicks+1 {
			heard++
		}
	}
	if heard <= voters/2 {
		return violated("check quorum", "%v leads term %d, and %d of %d voters have answered lately", n.peer.ID, n.status.Term, heard, voters)
	}
	return nil
}

// dismiss takes note of who is no voter any more: one that comes back between two ticks is heard anew.
func (k *numbers) dismiss(n *node, event engine.Event) {
	if _, changes := event.(*engine.ProposeConfigChange); !changes {
		return
	}
	for peer, of := range k.peers {
		if m, found := n.status.Membership.Lookup(peer.ID); !found || m.Role != engine.Voter {
			of.votedAt = -1
		}
	}
}

// checkStalledDisk: a leader whose disk has not answered for longer than the minimum election timeout steps down at its next
// tick, and asks a voter that holds its whole log to take over, if there is one; and nobody campaigns with such a disk.
func checkStalledDisk(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	c := &n.conduct
	if len(n.pending) == 0 || c.now.Since(n.pending[0].at) <= c.electionTimeout() {
		return nil
	}
	_, ticks := event.(*engine.Tick)
	switch {
	case ticks && n.status.Role == engine.Leader && before.Role == engine.Leader:
		return violated("stalled disk", "%v leads, and its disk has not answered for %d ns", n.peer.ID, c.now.Since(n.pending[0].at))
	case ticks && before.Role == engine.Leader && n.status.Term == before.Term && n.couldYield(before) && !slices.ContainsFunc(actions, asksToTakeOver):
		return violated("stalled disk", "%v steps down for its disk, and asks nobody to take over", n.peer.ID)
	case before.Role == engine.Follower && (n.status.Role == engine.Candidate || n.status.Role == engine.PreCandidate):
		return violated("stalled disk", "%v campaigns, and its disk has not answered for %d ns", n.peer.ID, c.now.Since(n.pending[0].at))
	}
	return nil
}

func asksToTakeOver(action engine.Action) bool {
	send, ok := action.(*engine.Send)
	if !ok {
		return false
	}
	_, ok = send.Message.(*engine.TimeoutNow)
	return ok
}

// couldYield reports whether a majority answers a leader, and a voter of it holds the whole log.
func (n *node) couldYield(before engine.Status) bool {
	k, cfg := &n.conduct.numbers, n.conduct.cfg
	voters, heard, able := 0, 0, false
	for _, m := range n.status.Membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		voters++
		of := k.of(engine.Peer{ID: m.ID, Incarnation: m.Incarnation})
		silence := k.ticks + 1 - of.answeredAt
		if m.ID == n.peer.ID || !of.lostData && silence < cfg.ElectionTimeoutMinTicks {
			heard++
		}
		able = able || m.ID != n.peer.ID && m.Incarnation != 0 && of.match == before.Last.Index && silence <= cfg.HeartbeatIntervalTicks
	}
	return able && heard > voters/2
}
