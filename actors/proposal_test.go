package actors

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

func TestFirstAnswerWins(t *testing.T) {
	c := newCall[int]()
	c.begin(1)
	c.putTyped(c.use, 0, 7)
	c.finish(c.use, nil)
	c.putTyped(c.use, 0, 8)
	c.finish(c.use, errors.New("late"))
	answered, err := c.wait(t.Context())
	require.True(t, answered)
	require.NoError(t, err)
	require.Equal(t, 7, c.responses[0])
}

func TestLateAnswerDoesNotReachTheNextUse(t *testing.T) {
	c := newCall[int]()
	c.begin(1)
	first := c.ticket()
	first.answer(nil)
	_, err := c.wait(t.Context())
	require.NoError(t, err)

	c.begin(1)
	first.answer(errors.New("second answer to the first use"))
	c.putTyped(first.use, 0, 1)
	c.putTyped(c.use, 0, 2)
	c.finish(c.use, nil)
	_, err = c.wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, c.responses[0])
}

// A refusal gives back no places: the call was admitted in an earlier use, not in this one.
func TestRefusalOfAReusedCallReleasesNothing(t *testing.T) {
	m, _, _ := testMailbox(2)
	c := newCall[int]()
	c.begin(1)
	m.PostUserMessage(&c.proposal)
	c.ticket().answer(nil)
	_, err := c.wait(t.Context())
	require.NoError(t, err)
	c.forget()

	full, _ := testProposal(2)
	m.PostUserMessage(full)
	c.begin(1)
	m.PostUserMessage(&c.proposal)
	_, err = c.wait(t.Context())
	require.ErrorIs(t, err, ErrBusy)
	require.Equal(t, 2, m.admission.pending())
}

func TestAdmissionBoundsBytesToo(t *testing.T) {
	a := admission{limit: 100}
	large := &proposal{commands: make([][]byte, 1), size: maxProposalBytes}
	for range maxPendingBytes / maxProposalBytes {
		require.True(t, a.acquire(large))
	}
	require.False(t, a.acquire(&proposal{commands: make([][]byte, 1), size: 1}))
	require.False(t, a.possible(&proposal{commands: make([][]byte, 1), size: maxProposalBytes + 1}))
	a.release(1, maxProposalBytes)
	require.True(t, a.acquire(large))
	require.Panics(t, func() { a.release(100, 0) }, "an answer too many must show")
}

func TestEndedContextLeavesTheOutcomeUnknown(t *testing.T) {
	c := newCall[int]()
	c.begin(1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("caller gave up")
	cancel(cause)
	answered, err := c.wait(ctx)
	require.False(t, answered)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, cause)
	c.finish(c.use, nil) // nobody listens; nothing blocks
	require.Empty(t, c.done)
}

func TestAnswerThatWinsAgainstTheContextIsKept(t *testing.T) {
	c := newCall[int]()
	c.begin(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.putTyped(c.use, 0, 5)
	c.finish(c.use, nil)
	answered, err := c.wait(ctx)
	require.True(t, answered, "an answer that is there is never thrown away")
	require.NoError(t, err)
}

func TestWaitersAreTakenInLogOrder(t *testing.T) {
	var w waiters
	ports := make([]*testPort, 6)
	for i := range ports {
		p, port := testProposal(2)
		ports[i] = port
		w.add(waiter{ticket: p.ticket(), first: engine.Index(10 + 2*i), term: 3})
	}
	require.Empty(t, w.take(9))
	taken := w.take(13)
	require.Len(t, taken, 2)
	require.EqualValues(t, 12, taken[1].first)
	require.EqualValues(t, 13, taken[1].last())
	require.Len(t, w.take(14), 1, "a batch is handed over with its first entry")
	w.fail(ErrLostLeadership)
	require.Zero(t, w.len())
	for i, port := range ports {
		if i < 3 {
			require.Empty(t, port.answers, "whoever took a waiter answers it")
			continue
		}
		var unknown *OutcomeUnknownError
		require.Len(t, port.answers, 1)
		require.ErrorAs(t, port.answers[0], &unknown)
		require.EqualValues(t, 10+2*i, unknown.Index)
		require.ErrorIs(t, unknown, ErrLostLeadership)
	}
}

func TestWaitersCompactWithoutLosingAny(t *testing.T) {
	var w waiters
	next, expected := engine.Index(1), engine.Index(1)
	for range 5000 {
		p, _ := testProposal(1)
		w.add(waiter{ticket: p.ticket(), first: next})
		next++
		if next%3 == 0 {
			for _, item := range w.take(next - 10) {
				require.Equal(t, expected, item.first)
				expected++
			}
		}
	}
	require.EqualValues(t, next-expected, w.len())
	require.Less(t, len(w.queue), 3000, "what was handed over is not kept")
}
