package engine

// A leader with a lease answers reads without asking anybody (dissertation §6.4.1): a majority of the voters answered
// a heartbeat so lately that none of them can have helped to elect another leader.
//
// # Why it holds
//
// A voter that hears its leader at h, by its own clock, gives nobody its vote before h plus its own minimum election
// timeout: not to others (stickiness, see sticky), and not to itself (see tick). It hears a heartbeat after that was
// sent, so a lease that runs from the sending of a round, and ends before the shortest of those promises does, ends
// before any voter that answered the round votes. Another leader needs a vote from the majority that answered, so
// there is none yet, nothing was committed that this leader does not know, and its commit index is a read index.
//
//   - Clocks. The lease is at most nine tenths of the shortest promise. A leader's clock that is slow by five in a
//     hundred and a voter's that is fast by as much still keep the order: 0.9 / 0.95 < 1 / 1.05. Clocks that stop, as
//     those of virtual machines do when they are moved or restored from an image, keep no order: leave leases off there.
//   - Pauses. A read is judged by its own Now and never by ticks, which stand still while a process does. What a
//     voter promised is judged by Now as well.
//   - Restarts. A voter that restarts behaves as if it had heard a leader at that moment, so what it promised before
//     is kept if its minimum election timeout is not shorter now. It must not be shortened while leases are on. Only who
//     is the sole voter of every configuration in its log makes no promise when it starts: it has had no leader. (Who
//     became it by a removal may still have promised the leader that leaves; see mayHaveFollowed.)
//   - Changes of membership. An election is won by the newest configuration of the candidate. If that is the one whose
//     majority answered, or the one before or after, the majorities have a voter in common, which has promised. If it
//     is newer than that, the candidate has it from this leader and heard it after the round was sent: it keeps still
//     itself. An older one wins nothing, because a majority holds what is committed since. The voters of a
//     configuration that is not known to be replaced count in the shortest promise as well.
//   - Transfer. TimeoutNow breaks the promise, by intent. Once one has left, there is no lease for the rest of the term.
//     One of an earlier term starts an election of at most our own.
//
// A promise is known from the handshake. While that of any voter is not known there is no lease: it might be shorter
// than ours, and then nine tenths of our own would be too long.

// lease is up to when a majority of the voters has promised not to elect anybody.
type lease struct {
	rounds queue[sentRound] // that no majority has answered yet, oldest first
	from   Instant          // when the newest round that a majority answered was sent
	held   bool             // there was such a round
}

// sentRound is a round of heartbeats on its way.
type sentRound struct {
	first SendNumber // answers to the round repeat this number or a higher one
	at    Instant    // before any of it was sent
}

// promise is what a peer said in its handshake.
type promise struct {
	incarnation Incarnation
	minTimeout  Duration
}

// leases reports whether this leader may hold one at all.
func (e *Engine) leases() bool { return e.cfg.LeaseDurationTicks > 0 && !e.timeoutNowSent }

// leaseHeld reports whether the lease covers this very moment.
func (e *Engine) leaseHeld() bool {
	return e.leases() && e.lease.held && e.now.Since(e.lease.from) < e.leaseDuration()
}

// leaseDuration returns how long a lease lasts; zero while the promise of any voter is unknown.
func (e *Engine) leaseDuration() Duration {
	newest := e.log.configuration()
	shortest := e.shortestPromise(newest)
	if newest.index > e.commit {
		shortest = min(shortest, e.shortestPromise(e.log.previousConfiguration()))
	}
	return min(Duration(e.cfg.LeaseDurationTicks)*e.cfg.TickInterval, shortest/10*9)
}

// shortestPromise returns the smallest minimum election timeout among the voters of a configuration.
func (e *Engine) shortestPromise(c configurationAt) Duration {
	shortest := e.electionTimeoutMin()
	for _, m := range c.Membership.Members {
		if m.Role == Voter && m.ID != e.cfg.ID {
			shortest = min(shortest, e.promiseOf(m))
		}
	}
	return shortest
}

// promiseOf returns the minimum election timeout that this life of a member told us; zero when it did not.
func (e *Engine) promiseOf(m Member) Duration {
	if p := e.promises[m.ID]; m.Incarnation != 0 && p.incarnation == m.Incarnation {
		return p.minTimeout
	}
	return 0
}

// notePromise remembers what a handshake told, also of nodes that are no members yet. Of those that are none, some are
// forgotten when there are many.
func (e *Engine) notePromise(from Peer, minTimeout Duration) {
	if len(e.promises) >= MaxMembers {
		for id := range e.promises {
			if _, found := e.Membership().Lookup(id); !found {
				delete(e.promises, id)
			}
		}
	}
	e.promises[from.ID] = promise{incarnation: from.Incarnation, minTimeout: max(minTimeout, 0)}
}

// noteRound remembers when the round that is about to be sent was. Rounds that are too old to give a lease are
// forgotten, so that there are few however long nobody answers.
func (e *Engine) noteRound() {
	if !e.leases() {
		return
	}
	rounds := &e.lease.rounds
	for rounds.len() > 0 && e.now.Since(rounds.front().at) >= e.electionTimeoutMin() {
		rounds.pop()
	}
	if rounds.len() == 0 || rounds.back().at < e.now {
		rounds.push(sentRound{first: e.sendNumber + 1, at: e.now})
	}
}

// renewLease takes in up to which number a majority has answered.
func (e *Engine) renewLease(echoed SendNumber) {
	rounds := &e.lease.rounds
	for rounds.len() > 0 && rounds.front().first <= echoed {
		e.lease.from, e.lease.held = rounds.front().at, true
		rounds.pop()
	}
}
