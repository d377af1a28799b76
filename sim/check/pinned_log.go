package check

import "github.com/yggr-go/yggr/engine"

// What a leader keeps for the sake of a member that is brought up by a snapshot: the snapshot, and the log behind it. It
// keeps them as long as the member answers now and then and the log fits into its bound, and no longer.

// slack is by how many ticks a judge's count of a member's silence may be ahead of the leader's own.
const slack = 2

// silentFor returns for how many ticks of its leader a member has not answered; zero of one that is leaving.
func (n *node) silentFor(id engine.NodeID) int {
	if _, found := n.status.Membership.Lookup(id); !found {
		return 0
	}
	return n.conduct.numbers.ticks - n.heardFrom(id)
}

// givesUpTheDead holds that a leader does not go on sending to a member that has been silent for ten of the longest
// election timeouts.
func (n *node) givesUpTheDead(actions []engine.Action) error {
	if !n.conduct.numbers.leads(n) {
		return nil
	}
	limit := 10 * n.conduct.cfg.ElectionTimeoutMaxTicks
	for id, o := range n.conduct.transfers.out {
		silence := n.silentFor(id)
		if silence > limit-slack {
			o.offered = 0
		}
		if silence <= limit+slack {
			continue
		}
		o.broughtUp = false
		if o.sending != 0 && !aborts(actions, o.sending) {
			return violated("transfers", "%v goes on sending %v a snapshot, which has been silent for %d ticks", n.peer.ID, id, silence)
		}
	}
	return nil
}

func aborts(actions []engine.Action, transfer engine.TransferID) bool {
	for _, action := range actions {
		if a, ok := action.(*engine.AbortSnapshot); ok && a.Transfer == transfer {
			return true
		}
	}
	return false
}

// lets judges what goes with a leader's own snapshot. A newer one ends no transfer, unless the log behind the older one has
// become too long; and more than the trailing log stays only for somebody who is being brought up.
func (n *node) lets(before engine.Status, log *history, change *engine.PersistSnapshot) error {
	if !change.Keep || !n.conduct.numbers.leads(n) {
		return nil
	}
	waits := false
	for id, o := range n.conduct.transfers.out {
		if n.silentFor(id) <= 10*n.conduct.cfg.ElectionTimeoutMaxTicks+slack {
			waits = waits || o.offered != 0 || o.sending != 0 || o.broughtUp
		}
		if o.offered != 0 && log.size(o.upTo, log.last().Index) > n.conduct.cfg.MaxPinnedBytes {
			o.offered = 0
		}
	}
	top := change.Snapshot.Position.Index
	point := max(before.Base.Index, top-min(top, engine.Index(n.conduct.cfg.TrailingLogEntries)))
	if change.Base.Index < point && !waits {
		return violated("transfers", "%v keeps its log after %v and not after %d behind its snapshot %v, and sends nobody one that lives",
			n.peer.ID, change.Base, point, change.Snapshot)
	}
	return nil
}

// size returns the bytes of the entries above one index and up to another, as far as they are there.
func (h *history) size(above, last engine.Index) int {
	size := 0
	for i := max(above, h.base.Index) + 1; i <= last; i++ {
		e, _ := h.at(i)
		size += e.Size()
	}
	return size
}
