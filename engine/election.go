package engine

import (
	"math/bits"
	"slices"
)

// election is the timer that starts campaigns (dissertation §3.4). It counts ticks.
type election struct {
	elapsed int
	timeout int
	beat    int // of a leader: ticks since the last heartbeat round
}

// vote is one answer to a campaign.
type vote struct {
	id      NodeID
	granted bool
}

// tick moves the timers by one.
func (e *Engine) tick() {
	if e.transfer.target != 0 {
		e.transferTick()
	}
	if e.role == Leader {
		e.leadOn()
		return
	}
	// The first tick may follow right upon the reset of the timer, so ticks alone are up to one tick early. Who heard its
	// leader gives nobody its vote for the whole minimum election timeout, itself included: leases rest on that.
	if e.timer.elapsed++; e.timer.elapsed >= e.timer.timeout && !e.sticky() {
		e.electionTimeout()
	}
}

// electionTimeout campaigns, if this node may. A node whose disk does not answer would ask for votes that never
// leave, and raise its term each time, so it waits.
func (e *Engine) electionTimeout() {
	e.resetElectionTimer()
	switch {
	case !e.mayCampaign():
		if e.tracing && len(e.log.members()) > 0 {
			e.tracef("%v does not campaign: %s", e.cfg.ID, e.whyNotCampaign())
		}
	case e.disk.stalled(e.now, e.electionTimeoutMin()):
		if e.tracing {
			e.tracef("%v does not campaign: its disk has not answered for an election timeout", e.cfg.ID)
		}
	case e.cfg.PreVote:
		e.becomePreCandidate()
	default:
		e.becomeCandidate(false)
	}
}

// resetElectionTimer starts the timer again with a timeout drawn afresh, uniform in [min, max), so that split
// votes are rare and resolve themselves (dissertation §3.4).
func (e *Engine) resetElectionTimer() {
	width := uint64(e.cfg.ElectionTimeoutMaxTicks - e.cfg.ElectionTimeoutMinTicks)
	offset, _ := bits.Mul64(e.cfg.Random.Uint64(), width)
	e.timer.elapsed = 0
	e.timer.timeout = e.cfg.ElectionTimeoutMinTicks + int(offset)
}

// electionTimeoutMin is the minimum election timeout as time.
func (e *Engine) electionTimeoutMin() Duration {
	return Duration(e.cfg.ElectionTimeoutMinTicks) * e.cfg.TickInterval
}

// heard notes a sign of life of the leader of the current term.
func (e *Engine) heard(leader NodeID) {
	if e.role != Follower || e.leader != leader {
		e.becomeFollower(leader)
	}
	e.resetElectionTimer()
	e.lastHeard, e.heardOnce = e.now, true
}

// sticky reports whether this node heard a live leader so recently that it ignores candidates: a server that is
// cut off or removed must not depose a leader that others hear well (dissertation §4.2.3). Judged by the clock
// and not by ticks, because a process that was paused missed its ticks and not the time. A leader hears itself.
func (e *Engine) sticky() bool {
	return e.role == Leader || e.heardOnce && e.now.Since(e.lastHeard) < e.electionTimeoutMin()
}

// mayHaveFollowed reports whether an earlier life may have heard a leader: then a voter that restarts has promised it not
// to vote, and starts as if it had just heard it. Only who is the sole voter of every configuration that its log still has
// can have promised nobody. The newest is not enough: a leader that leaves goes on until it hears that the voter that
// stays holds the entry.
func (e *Engine) mayHaveFollowed() bool {
	others := func(c configurationAt) bool { return !slices.Equal(c.Membership.Voters(), []NodeID{e.cfg.ID}) }
	return len(e.log.configurations) == 0 || slices.ContainsFunc(e.log.configurations, others)
}

// mayCampaign reports whether a configuration makes this node a voter: the newest one, or the one before it
// while the newest is not known to be committed, since the cluster may still be run by that.
func (e *Engine) mayCampaign() bool {
	if e.state.Term == ^Term(0) || e.removed() {
		return false
	}
	newest := e.log.configuration()
	if e.isVoterIn(newest) {
		return true
	}
	return newest.index > e.commit && e.isVoterIn(e.log.previousConfiguration())
}

// isVoterIn reports whether c names this node, in this incarnation, as a voter. A founder that is not bound yet
// is nobody's voter once its log holds more than the founders' entry: it may be a member that lost its disk.
func (e *Engine) isVoterIn(c configurationAt) bool {
	m, found := c.Membership.Lookup(e.cfg.ID)
	if !found || m.Role != Voter {
		return false
	}
	return m.Incarnation == e.cfg.Incarnation || m.Incarnation == 0 && e.newborn()
}

// newborn reports whether the log holds the founders' entry and nothing else.
func (e *Engine) newborn() bool { return e.log.last() == founded }

// founded is where the log of a founder ends that has heard of no leader.
var founded = Position{Term: 1, Index: 1}

func (e *Engine) whyNotCampaign() string {
	m, found := e.Membership().Lookup(e.cfg.ID)
	switch {
	case e.removed():
		return "it was removed"
	case !found:
		return "it is no member"
	case m.Role != Voter:
		return "it is a learner"
	case m.Incarnation == 0:
		return "no leader has bound its incarnation yet"
	case m.Incarnation != e.cfg.Incarnation:
		return "the member is another incarnation"
	}
	return "the last term is reached"
}

// mayGrant reports whether this node votes for a candidate whose log ends at last. Whether that counts is decided where
// it is counted (see votesFor), because only the candidate knows whether its configuration names this incarnation: a
// new voter may not have the entry that names it, and the last promise that it can keep may be the vote that is needed
// (dissertation §4.1). A candidate whose log is only the founders' entry counts whoever comes under a founder's id, so
// it gets no vote of a node that its own configuration does not name: that may be a founder that lost its disk.
func (e *Engine) mayGrant(last Position) bool {
	return last != founded || e.Membership().names(e.self())
}

// startBallot forgets the votes of an earlier campaign.
func (e *Engine) startBallot() { e.ballot = e.ballot[:0] }

// castBallot counts the answer of one voter and reports how the campaign stands. A vote that was granted stays
// granted; a refusal may have answered an older request and gives way to it.
func (e *Engine) castBallot(id NodeID, granted bool) outcome {
	i := slices.IndexFunc(e.ballot, func(v vote) bool { return v.id == id })
	if i < 0 {
		e.ballot = append(e.ballot, vote{id: id, granted: granted})
	} else if granted {
		e.ballot[i].granted = true
	}
	return e.outcome()
}

// outcome is how a campaign stands.
type outcome uint8

const (
	pending outcome = iota
	won
	lost
)

// outcome compares the votes with the voters of the newest configuration (dissertation §3.4).
func (e *Engine) outcome() outcome {
	yes, no, voters := 0, 0, 0
	for _, m := range e.log.members() {
		if m.Role != Voter {
			continue
		}
		voters++
		for _, v := range e.ballot {
			if v.id == m.ID && v.granted {
				yes++
			} else if v.id == m.ID {
				no++
			}
		}
	}
	switch {
	case yes > voters/2:
		return won
	case no >= voters-voters/2:
		return lost
	}
	return pending
}

// votesFor reports whether the answer of a peer counts in our campaign: it must be a voter of our newest
// configuration in the incarnation that this names. Founders that are not bound count only while our log holds
// nothing but the founders' entry. Once there is more, one that comes without a binding may be a member that
// lost what it acknowledged.
func (e *Engine) votesFor(from Peer) bool {
	m, found := e.Membership().Lookup(from.ID)
	if !found || m.Role != Voter {
		return false
	}
	if m.Incarnation == 0 {
		return e.newborn()
	}
	return m.Incarnation == from.Incarnation
}
