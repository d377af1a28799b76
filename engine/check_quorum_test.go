package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// answerHeartbeats lets n ticks pass while the given followers answer every heartbeat.
func (a *alone) answerHeartbeats(n int, from ...Peer) {
	a.t.Helper()
	for range n {
		actions := a.tick(1)
		for _, p := range from {
			for _, beat := range sent[*Heartbeat](actions, p.ID) {
				a.step(&Incoming{Now: a.clock, From: p, Message: &HeartbeatResponse{Term: a.state.Term, Number: beat.Number}})
			}
		}
	}
}

func TestLeaderStaysWhileAMajorityAnswers(t *testing.T) {
	a := leading(t, nil)
	a.sync()
	a.answerHeartbeats(100, peer(2))
	require.Equal(t, Leader, a.Role(), "itself and one of two others are a majority of three")
}

func TestLeaderThatHearsNoMajorityStepsDown(t *testing.T) {
	a := leading(t, nil)
	a.sync()
	a.answerHeartbeats(30, peer(2), peer(3))
	a.tick(DefaultConfig(1).ElectionTimeoutMinTicks - 3)
	require.Equal(t, Leader, a.Role(), "the last answer is not an election timeout old")
	a.tick(4)
	require.Equal(t, Follower, a.Role())
	require.Equal(t, votedFor(2, 1), a.state, "within its term, and its vote stays given")
	require.Zero(t, a.Leader())
	require.Equal(t, &Redirect{ID: 1}, a.propose("x")[0])
	require.EqualValues(t, 1, a.Metrics().QuorumStepdowns)
}

func TestOnlyVotersInTheirIncarnationKeepALeader(t *testing.T) {
	stranger := peer(2)
	stranger.Incarnation++
	for name, from := range map[string][]Peer{
		"a learner":           {peer(4), peer(5)},
		"another incarnation": {stranger},
		"nobody":              nil,
	} {
		t.Run(name, func(t *testing.T) {
			a := newAlone(t, aloneOptions{voters: 3, learners: 2, state: HardState{Term: 1}})
			a.lead()
			a.sync()
			a.answerHeartbeats(12, from...)
			require.Equal(t, Follower, a.Role())
		})
	}
}

// TestMemberThatLostDataKeepsNoLeader: nothing can be committed with it.
func TestMemberThatLostDataKeepsNoLeader(t *testing.T) {
	a := leading(t, nil)
	a.sync()
	a.accept(2, 3)
	a.answerHeartbeats(3, peer(2))
	lost := a.receive(2, &AppendEntriesResponse{Term: 2, Number: a.sendNumber, Conflict: Position{Index: 2}})
	require.Len(t, pick[*PeerLostData](lost), 1)
	a.answerHeartbeats(12, peer(2))
	require.Equal(t, Follower, a.Role())
}

func TestSoleVoterNeedsNobody(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 1, learners: 1, state: HardState{Term: 1}})
	a.campaign()
	a.sync()
	a.sync()
	a.tick(100)
	require.Equal(t, Leader, a.Role())
}

// A leader whose disk does not answer holds everybody up that waits for it to apply; the others can do better.
func TestLeaderWithAStalledDiskHandsOver(t *testing.T) {
	c := newTrio(t, 3)
	old := c.elect()
	old.silent = true
	c.propose(old, "x") // two others are a majority: it commits
	for range DefaultConfig(1).ElectionTimeoutMinTicks + 1 {
		c.tick()
	}
	require.NotEqual(t, Leader, old.engine.Role())
	now := c.elect()
	require.NotEqual(t, old, now)
	term := now.engine.Term()
	for range 100 {
		c.tick()
	}
	require.Equal(t, Leader, now.engine.Role(), "the stalled node does not come back")
	require.Equal(t, term, now.engine.Term(), "and does not campaign")
	require.EqualValues(t, 1, old.engine.Metrics().DiskStallStepdowns)
}

func TestShortStallOfTheLeadersDiskChangesNothing(t *testing.T) {
	c := newTrio(t, 3)
	leader := c.elect()
	term := leader.engine.Term()
	leader.silent = true
	c.propose(leader, "x")
	for range DefaultConfig(1).ElectionTimeoutMinTicks / 2 {
		c.tick()
	}
	leader.silent = false
	c.step(leader, &Persisted{Now: c.now, Seq: leader.seq})
	for range 50 {
		c.tick()
	}
	require.Equal(t, Leader, leader.engine.Role())
	require.Equal(t, term, leader.engine.Term())
}

func TestHandoverAsksAVoterThatHoldsTheWholeLog(t *testing.T) {
	a := leading(t, nil)
	a.sync()
	a.propose("4")
	a.accept(3, 4)
	for range 12 {
		a.answerHeartbeats(1, peer(2), peer(3))
		if asked := sent[*TimeoutNow](a.last, 0); len(asked) > 0 {
			require.Len(t, sent[*TimeoutNow](a.last, 3), 1, "n2 lacks an entry")
			require.Equal(t, Follower, a.Role())
			return
		}
	}
	require.Fail(t, "nobody was asked", "%v", a.lines)
}
