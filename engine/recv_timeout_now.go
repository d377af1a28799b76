package engine

// recvTimeoutNow campaigns at once because the leader asks for it (dissertation §3.10). It skips the pre-vote,
// which the others would refuse while they hear the leader, and says so in its requests.
func (e *Engine) recvTimeoutNow(from Peer, m *TimeoutNow) {
	// A leader has nothing to take over in its own term. Who asks it to is confused and shows no log or commit of
	// its own, which is no reason to stop.
	if e.role == Leader && m.Term == e.state.Term || !e.acceptLeader(from, m.Term) {
		return
	}
	if reason := e.whyNotTakeOver(); reason != "" {
		if e.tracing {
			e.tracef("%v does not take over from %v: %s", e.cfg.ID, from.ID, reason)
		}
		return
	}
	if e.tracing {
		e.tracef("%v takes over from %v", e.cfg.ID, from.ID)
	}
	e.becomeCandidate(true)
}

// whyNotTakeOver says why this node does not campaign for its leader; empty when it does. A node whose disk does not
// answer could not make its vote durable.
func (e *Engine) whyNotTakeOver() string {
	switch {
	case !e.mayCampaign():
		return e.whyNotCampaign()
	case e.disk.stalled(e.now, e.electionTimeoutMin()):
		return "its disk has not answered for an election timeout"
	}
	return ""
}
