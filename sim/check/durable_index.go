package check

// checkDurableIndex: the engine's durable index is the last index after the newest confirmed Persist, cut to
// below the first index of every unconfirmed one. An index may be overwritten and written again while a write
// is in flight, so nothing else is right: neither the newest confirmed index nor the last one.
//
// A disk is ahead of what its engine has been told, so in between the engine may know less.
func checkDurableIndex(n *node) error {
	durable, claimed := n.durableIndex(), n.status.Durable
	if claimed > durable || (claimed < durable && n.told == n.synced) {
		return violated("durable index", "%v takes its log for durable up to %d, its disk says %d", n.peer.ID, claimed, durable)
	}
	return nil
}
