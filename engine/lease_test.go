package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const millisecond = Duration(1_000_000)

// leasing is a leader of three that may hold a lease of 300 ms. Both others have told that their minimum election
// timeout is its own, 500 ms.
func leasing(t *testing.T, change func(*Config)) *alone {
	t.Helper()
	a := leadingWith(t, 3, 2, func(cfg *Config) {
		cfg.LeaseDurationTicks = 6
		if change != nil {
			change(cfg)
		}
	})
	a.tells(2, 500*millisecond)
	a.tells(3, 500*millisecond)
	return a
}

// tells shakes hands with a peer.
func (a *alone) tells(id NodeID, minTimeout Duration) {
	a.t.Helper()
	a.step(&PeerSeen{Now: a.clock, From: peer(id), MinElectionTimeout: minTimeout})
}

// renews lets n2 answer a round that is sent now.
func (a *alone) renews() {
	a.t.Helper()
	a.heartbeatRound()
	a.echoes(peer(2), a.sendNumber)
}

// lasts returns how long reads are served without asking anybody, in milliseconds, from now on.
func (a *alone) lasts() int {
	a.t.Helper()
	now := a.now
	defer func() { a.now = now }()
	for ms := range 1000 {
		a.now = a.clock + Instant(ms)*Instant(millisecond)
		if !a.leaseHeld() {
			return ms
		}
	}
	return 1000
}

func TestLeaseRunsFromTheSendingOfTheRound(t *testing.T) {
	a := leasing(t, nil)
	require.Zero(t, a.lasts(), "nobody has answered a round yet")
	a.heartbeatRound()
	a.clock += Instant(120 * millisecond)
	require.Zero(t, a.lasts())
	a.echoes(peer(2), a.sendNumber)
	require.Equal(t, 180, a.lasts())
	a.renews()
	require.Equal(t, 300, a.lasts())
}

func TestLeaseNeedsAMajorityThatCounts(t *testing.T) {
	a := leasing(t, nil)
	other := peer(2)
	other.Incarnation++
	a.heartbeatRound()
	for _, from := range []Peer{peer(4), peer(5), other} {
		a.echoes(from, a.sendNumber)
	}
	require.Zero(t, a.lasts(), "two learners and a stranger")
	a.counts = false // a leader that leaves
	a.echoes(peer(3), a.sendNumber)
	require.Zero(t, a.lasts(), "one of two others")
	a.echoes(peer(2), a.sendNumber)
	require.Equal(t, 300, a.lasts())
}

func TestLeaseIsShorterThanEveryPromise(t *testing.T) {
	a := leasing(t, nil)
	a.renews()
	a.tells(3, 300*millisecond)
	require.Equal(t, 270, a.lasts(), "nine tenths")
	a.tells(4, 10*millisecond)
	require.Equal(t, 270, a.lasts(), "n4 is a learner")
	a.tells(3, 0)
	require.Zero(t, a.lasts(), "not known")
	a.tells(3, -1)
	require.Zero(t, a.lasts())
	a.tells(3, 500*millisecond)
	require.Equal(t, 300, a.lasts())
	other := peer(3)
	other.Incarnation++
	a.step(&PeerSeen{Now: a.clock, From: other, MinElectionTimeout: 500 * millisecond})
	require.Zero(t, a.lasts(), "another life of n3 says nothing of the one that votes")
}

// A leader is a voter too, and may help to elect another one when its own minimum election timeout is over.
func TestLeaseIsShorterThanOnesOwnPromise(t *testing.T) {
	a := leasing(t, func(cfg *Config) {
		cfg.TickInterval, cfg.HeartbeatIntervalTicks = 10*millisecond, 1
		cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks = 40, 80
		cfg.LeaseDurationTicks = 38
	})
	a.renews()
	require.Equal(t, 360, a.lasts(), "nine tenths of 400")
}

// A voter that is being removed may still elect a leader that has not heard of it.
func TestLeaseMindsThoseWhoMayStillVote(t *testing.T) {
	a := leasing(t, nil)
	a.tells(3, 100*millisecond)
	a.renews()
	require.Equal(t, 90, a.lasts())
	a.changeTo(ChangeRemove, member(1, Voter), member(2, Voter))
	require.Equal(t, 90, a.lasts())
	a.accept(2, 4)
	require.Equal(t, Index(4), a.Commit())
	require.Equal(t, 300, a.lasts())
	a.changeTo(ChangeAddVoter, member(1, Voter), member(2, Voter), member(4, Voter))
	require.Zero(t, a.lasts(), "n4 has told nothing yet")
	a.tells(4, 200*millisecond)
	require.Equal(t, 180, a.lasts())
}

func TestNoLeaseOnceTimeoutNowHasLeft(t *testing.T) {
	a := leasing(t, nil)
	a.renews()
	a.timeoutNowSent = true
	require.Zero(t, a.lasts())
	a.renews()
	require.Zero(t, a.lasts(), "for the rest of the term")
	require.Len(t, sent[*Heartbeat](a.read(7), 0), 2)
}

// n1 hands over, gets leadership back, and all that within the lease of its first term.
func TestNoLeaseOutlivesItsTerm(t *testing.T) {
	a := leasing(t, nil)
	a.renews()
	a.timeoutNowSent = true
	a.receive(2, &Heartbeat{Term: 5, Number: 1})
	a.receive(2, &TimeoutNow{Term: 5, Number: 2})
	a.sync()
	a.receive(2, &RequestVoteResponse{Candidate: 101, Term: 6, Granted: true})
	a.sync()
	a.accept(2, 4)
	require.Equal(t, Leader, a.Role())
	require.Zero(t, a.lasts())
	a.renews()
	require.Equal(t, 300, a.lasts())
}

func TestHandoverOfALeaderWithAStalledDiskEndsItsLease(t *testing.T) {
	a := leasing(t, nil)
	a.propose("4")
	a.accept(2, 4)
	for a.role == Leader {
		a.answerHeartbeats(1, peer(2), peer(3))
	}
	require.Len(t, sent[*TimeoutNow](a.last, 2), 1)
	require.True(t, a.timeoutNowSent)
}

func TestLeaseServesReadsAtOnce(t *testing.T) {
	a := leasing(t, nil)
	a.read(1)
	a.read(2)
	a.renews()
	a.read(3)
	require.Equal(t, []*ReadReady{{ID: 3, Index: 3}}, pick[*ReadReady](a.last))
	require.Empty(t, sent[*Heartbeat](a.last, 0))
}

// What waits for a round is served with the first read that finds a lease: nobody else led when that came.
func TestLeaseServesWhatWaitsAsWell(t *testing.T) {
	a := leasing(t, nil)
	a.read(1)
	a.lease.from, a.lease.held = a.clock, true
	require.Equal(t, []*ReadReady{{ID: 1, Index: 3}, {ID: 2, Index: 3}}, pick[*ReadReady](a.read(2)))
	a.clock += Instant(300 * millisecond)
	require.Len(t, sent[*Heartbeat](a.read(3), 0), 2, "and then a round is begun again")
}

func TestLeasesAreOffByDefault(t *testing.T) {
	a := leasing(t, func(cfg *Config) { cfg.LeaseDurationTicks = 0 })
	a.renews()
	require.Zero(t, a.lasts())
	require.Zero(t, a.lease.rounds.len())
}

// Rounds that nobody answers are forgotten, however long that lasts.
func TestRoundsWithoutAnAnswerAreForgotten(t *testing.T) {
	a := leasing(t, nil)
	for range 1000 {
		a.clock += Instant(10 * millisecond)
		a.step(&Applied{Now: a.clock})
		a.noteRound()
		a.noteRound()
	}
	require.LessOrEqual(t, a.lease.rounds.len(), 50)
}

// Of a flood of handshakes the members' stay.
func TestPromisesAreBounded(t *testing.T) {
	a := leasing(t, nil)
	for id := range NodeID(5 * MaxMembers) {
		a.step(&PeerSeen{Now: a.clock, From: Peer{ID: 100 + id, Incarnation: 1}, MinElectionTimeout: 1})
	}
	require.LessOrEqual(t, len(a.promises), MaxMembers)
	require.Equal(t, 500*millisecond, a.promiseOf(member(3, Voter)))
}

// A voter that heard its leader votes for nobody within its minimum election timeout, itself included. Ticks do not tell
// when that is over: the first one may follow right upon the heartbeat, and a late one upon the next.
func TestTicksThatComeEarlyStartNoElection(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.tick(5)
	a.follow(2, 2)
	heard := a.clock
	a.timer.timeout = a.cfg.ElectionTimeoutMinTicks
	a.clock += Instant(20 * millisecond)
	for range a.cfg.ElectionTimeoutMinTicks {
		a.step(&Tick{Now: a.clock})
		a.clock += Instant(50 * millisecond)
	}
	require.Equal(t, 520*millisecond, a.clock.Since(heard))
	require.Equal(t, Follower, a.Role(), "the tenth tick came after 470 ms")
	a.step(&Tick{Now: a.clock})
	require.Equal(t, PreCandidate, a.Role())
}

// n2 leads n1 and n2, holds a lease by an answer of n1, and removes itself. n1 has the entry, by which it is the only
// voter, and restarts: n2 leads on until it hears that n1 holds it, so the promise to n2 stands.
func TestARestartedVoterKeepsItsPromiseToALeaderThatLeaves(t *testing.T) {
	left := Configuration{Change: ChangeRemove, Target: 2, Membership: Membership{Members: []Member{member(1, Voter)}}}
	log := append(boundLog(t, 2, 0, 2), Entry{Term: 2, Index: 4, Kind: EntryConfiguration, Data: left.Encode()})
	a := newAlone(t, aloneOptions{raw: &Recovered{HardState: votedFor(2, 2), Entries: log}})
	a.timer.timeout = a.cfg.ElectionTimeoutMinTicks
	for range a.cfg.ElectionTimeoutMinTicks {
		a.clock += Instant(45 * millisecond) // the ticks of a clock that is fast come early
		a.step(&Tick{Now: a.clock})
	}
	require.Equal(t, Follower, a.Role(), "450 ms after it may have answered n2")
	a.tick(1)
	require.Equal(t, Candidate, a.Role())
}
