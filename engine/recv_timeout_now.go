package engine

// recvTimeoutNow campaigns at once because the leader asks for it (dissertation §3.10). It skips the pre-vote,
// which the others would refuse while they hear the leader, and says so in its requests.
func (e *Engine) recvTimeoutNow(from Peer, m *TimeoutNow) {
	if !e.acceptLeader(from, m.Term) || e.fatal {
		return
	}
	if !e.mayCampaign() {
		if e.tracing {
			e.tracef("%v does not take over from %v: %s", e.cfg.ID, from.ID, e.whyNotCampaign())
		}
		return
	}
	if e.tracing {
		e.tracef("%v takes over from %v", e.cfg.ID, from.ID)
	}
	e.becomeCandidate(true)
}
