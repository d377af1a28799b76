package check

import "github.com/yggr-go/yggr/engine"

// probing is how a leader finds where a follower's log meets its own.
type probing struct {
	met  bool         // a follower has taken entries since the logs parted
	next engine.Index // the first entry of the newest append
}

// accepts: before a follower has shown that it takes entries it is sent one append at a time, and not a window full; it may
// take none just now.
func (p *follower) accepts(n *node, m *engine.AppendEntriesResponse, actions []engine.Action) error {
	p.met = p.met || m.Match >= p.next || m.Match == n.status.Last.Index
	if count := len(appendsTo(p.peer.ID, actions)); !p.met && count > 1 {
		return violated("probing", "%v sends %v %d appends at once, and it has not taken an entry", n.peer.ID, p.peer, count)
	}
	return nil
}
