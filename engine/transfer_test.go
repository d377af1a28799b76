package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func (a *alone) transferTo(target NodeID) []Action {
	a.t.Helper()
	return a.step(&TransferLeadership{Now: a.clock, ID: 8, Target: target})
}

func failed(reason TransferFailure) *TransferFailed { return &TransferFailed{ID: 8, Reason: reason} }

func TestTransferCatchesUpFirst(t *testing.T) {
	a := ready(t, 3, 0)
	a.propose("x")
	require.Empty(t, sent[*TimeoutNow](a.transferTo(2), 0))
	require.False(t, a.timeoutNowSent)
	require.Equal(t, &ProposalRejected{ID: 1, Reason: RejectBusy}, a.propose("y")[0])
	require.Empty(t, sent[*TimeoutNow](a.accept(3, 4), 0), "somebody else's progress is none")
	require.Equal(t, Term(2), one[*TimeoutNow](t, a.accept(2, 4), 2).Term)
	require.True(t, a.timeoutNowSent)
}

func TestTransferRepeatsAndEndsAfterAnElectionTimeout(t *testing.T) {
	a := ready(t, 3, 0)
	require.Len(t, sent[*TimeoutNow](a.transferTo(2), 2), 1)
	repeated := 0
	for range a.cfg.ElectionTimeoutMinTicks - 1 {
		a.answerHeartbeats(1, peer(3))
		repeated += len(sent[*TimeoutNow](a.last, 2))
		require.Empty(t, pick[*TransferFailed](a.last))
	}
	require.Zero(t, repeated, "the last step was an answer")
	a = ready(t, 3, 0)
	a.transferTo(2)
	var ended []*TransferFailed
	for range a.cfg.ElectionTimeoutMinTicks {
		actions := a.tick(1)
		repeated += len(sent[*TimeoutNow](actions, 2))
		ended = append(ended, pick[*TransferFailed](actions)...)
	}
	require.Equal(t, 3, repeated, "with every heartbeat")
	require.Equal(t, []*TransferFailed{failed(TransferTimedOut)}, ended)
	require.IsType(t, &ProposalAccepted{}, a.propose("y")[0])
	require.True(t, a.timeoutNowSent, "the target may still campaign")
}

func TestTransferOutcomes(t *testing.T) {
	begin := func() *alone {
		a := ready(t, 3, 0)
		a.transferTo(2)
		return a
	}
	t.Run("the target leads", func(t *testing.T) {
		a := begin()
		actions := a.receive(2, &RequestVote{Term: 3, Last: a.log.last(), Transfer: true})
		require.True(t, one[*RequestVoteResponse](t, actions, 2).Granted, "although it is the leader that is asked")
		require.Empty(t, pick[*TransferDone](actions), "it has not won")
		require.Equal(t, []*TransferDone{{ID: 8, Leader: 2, Term: 3}}, pick[*TransferDone](a.receive(2, &Heartbeat{Term: 3, Number: 1})))
	})
	t.Run("somebody else leads", func(t *testing.T) {
		a := begin()
		a.receive(3, &HeartbeatResponse{Term: 3})
		require.Equal(t, Follower, a.Role())
		require.Equal(t, []*TransferFailed{failed(TransferAborted)}, pick[*TransferFailed](a.receive(3, &Heartbeat{Term: 3, Number: 1})))
	})
	t.Run("nobody leads", func(t *testing.T) {
		a := begin()
		a.tick(9)
		a.receive(2, &HeartbeatResponse{Term: 3})
		require.Empty(t, pick[*TransferFailed](a.tick(9)), "from the end of the leadership on there is another election timeout")
		require.Equal(t, []*TransferFailed{failed(TransferTimedOut)}, pick[*TransferFailed](a.tick(1)))
		require.Empty(t, pick[*TransferFailed](a.tick(30)), "once")
	})
	t.Run("it leads again", func(t *testing.T) {
		a := begin()
		a.receive(2, &HeartbeatResponse{Term: 3})
		a.sync()
		a.lead()
		require.Zero(t, a.transfer.target, "no campaign begins before the transfer has ended")
		require.False(t, a.timeoutNowSent, "in this term")
	})
	t.Run("the target lost data", func(t *testing.T) {
		a := begin()
		a.follower(2).state = dataLost
		require.Equal(t, []*TransferFailed{failed(TransferAborted)}, pick[*TransferFailed](a.tick(1)))
	})
	t.Run("the leader hears no majority", func(t *testing.T) {
		a := begin()
		a.follower(2).silence, a.follower(3).silence = 99, 99
		require.Empty(t, pick[*TransferFailed](a.tick(1)), "the target may be campaigning")
		require.Equal(t, Follower, a.Role())
		require.Len(t, pick[*TransferDone](a.receive(2, &Heartbeat{Term: 3, Number: 1})), 1)
	})
}

func TestTransferTargets(t *testing.T) {
	for name, c := range map[string]struct {
		target  NodeID
		prepare func(a *alone)
		want    Action
	}{
		"itself":                      {1, nil, failed(TransferInvalidTarget)},
		"a stranger":                  {9, nil, failed(TransferInvalidTarget)},
		"a learner":                   {4, nil, failed(TransferInvalidTarget)},
		"one that lost data":          {2, func(a *alone) { a.follower(2).state = dataLost }, failed(TransferInvalidTarget)},
		"one that is removed":         {3, func(a *alone) { a.change(ConfigChange{Kind: ChangeRemove, Target: 3}) }, failed(TransferInvalidTarget)},
		"during another":              {3, func(a *alone) { a.step(&TransferLeadership{ID: 7, Target: 2}) }, failed(TransferBusy)},
		"anybody, and nobody answers": {0, func(a *alone) { a.follower(2).silence, a.follower(3).silence = 7, 7 }, failed(TransferInvalidTarget)},
	} {
		t.Run(name, func(t *testing.T) {
			a := ready(t, 3, 1)
			if c.prepare != nil {
				c.prepare(a)
			}
			require.Equal(t, []Action{c.want}, a.transferTo(c.target))
		})
	}
	a := ready(t, 3, 0)
	a.propose("x")
	a.accept(3, 4)
	require.Len(t, sent[*TimeoutNow](a.transferTo(0), 3), 1, "the one that holds most")
	a = ready(t, 3, 0)
	a.follower(2).silence = 7
	require.Len(t, sent[*TimeoutNow](a.transferTo(0), 3), 1, "of those that answer")
	for _, f := range []TransferFailure{TransferInvalidTarget, TransferBusy, TransferAborted, TransferTimedOut} {
		require.NotEqual(t, "unknown", f.String())
	}
	require.Equal(t, "unknown", TransferFailure(9).String())
}

// TestBindingsWaitForTheEndOfATransfer: nothing is appended meanwhile, or the target would never hold everything.
func TestBindingsWaitForTheEndOfATransfer(t *testing.T) {
	a := newborn(t, 3, nil)
	a.lead()
	a.sync()
	a.accept(2, 3)
	a.transferTo(2)
	a.meets(3)
	require.Zero(t, bindings(a)[3])
	a.tick(a.cfg.ElectionTimeoutMinTicks)
	require.Equal(t, Incarnation(103), bindings(a)[3])
}

// TestHandOverOfAStalledDiskEndsLeasesToo: whoever was asked to campaign passes the others' stickiness.
func TestHandOverOfAStalledDiskEndsLeasesToo(t *testing.T) {
	a := ready(t, 3, 0)
	a.propose("x")
	a.accept(2, 4)
	a.accept(3, 4)
	for range 12 {
		a.answerHeartbeats(1, peer(2), peer(3))
	}
	require.Equal(t, Follower, a.Role())
	require.True(t, a.timeoutNowSent)
}
