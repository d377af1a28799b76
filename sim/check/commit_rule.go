package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// commitRule: a leader moves its commit index only to an entry of its own term that a majority of the voters
// has on disk, and takes everything before along (dissertation §3.6.2, Figure 3.7). Voters count in the
// incarnation that the leader's membership names, an unbound one in any. The majority is counted on the disks:
// a vote that rests on memory, its own included, is seen here.
type commitRule struct {
	holders map[engine.Position][]engine.Peer // who ever had the position on disk
}

func (c *commitRule) stored(peer engine.Peer, entries []engine.Entry) {
	for _, entry := range entries {
		p := entry.Position()
		if !slices.Contains(c.holders[p], peer) {
			c.holders[p] = append(c.holders[p], peer)
		}
	}
}

func (c *commitRule) stepped(n *node, before engine.Status, actions []engine.Action) error {
	if !n.led(before) {
		return nil
	}
	if err := checkHeartbeatCommit(n, actions); err != nil {
		return err
	}
	if n.status.Commit == before.Commit {
		return nil
	}
	entry, ok := n.memory.log.at(n.status.Commit)
	if !ok {
		return nil // leader completeness says so
	}
	if entry.Term != n.status.Term {
		return violated("commit rule", "%v leads term %d and commits %v, an entry of an earlier term, by counting",
			n.peer.ID, n.status.Term, entry.Position())
	}
	return c.onMajority(n, entry.Position())
}

func (c *commitRule) onMajority(n *node, p engine.Position) error {
	voters, count := 0, 0
	for _, member := range n.status.Membership.Members {
		if member.Role != engine.Voter {
			continue
		}
		voters++
		if slices.ContainsFunc(c.holders[p], func(holder engine.Peer) bool {
			return holder.ID == member.ID && (member.Incarnation == 0 || holder.Incarnation == member.Incarnation)
		}) {
			count++
		}
	}
	if count <= voters/2 {
		return violated("commit rule", "%v commits %v, which is durable on %d of the %d voters of %v (on %v)",
			n.peer.ID, p, count, voters, n.status.Membership, c.holders[p])
	}
	return nil
}

// checkHeartbeatCommit: a heartbeat tells a follower of no commit beyond what the follower is known to hold,
// because it names no previous entry by which the follower could judge its own log.
func checkHeartbeatCommit(n *node, actions []engine.Action) error {
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok {
			continue
		}
		heartbeat, ok := send.Message.(*engine.Heartbeat)
		if !ok {
			continue
		}
		for _, follower := range n.status.Followers {
			if follower.ID == send.To && heartbeat.Commit > follower.Match {
				return violated("commit rule", "%v tells %v of commit %d and knows it to match up to %d",
					n.peer.ID, send.To, heartbeat.Commit, follower.Match)
			}
		}
	}
	return nil
}
