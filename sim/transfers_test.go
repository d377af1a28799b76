package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// TestWrongLabelsStopANode, and it begins again with what it had.
func TestWrongLabelsStopANode(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	life := n.life
	c := stream(1)
	w.mislabel(n, &c)
	require.NoError(t, w.err)
	require.False(t, n.running())
	require.Equal(t, 1, w.counters.Faults[Mislabelled])
	require.True(t, w.until(leaderBudget, "it comes back", n.running), w.err)
	require.Greater(t, n.life, life)
}

func TestJudgeOfLabels(t *testing.T) {
	w := quiet(t, 3)
	w.stopped(w.leader(), &engine.Fatal{Err: &engine.SnapshotLabelError{Reason: "a true one"}})
	require.ErrorContains(t, w.err, "fatal: ")
}

// TestWhatHangsComesLate, behind what left later, and once more if the sender does not know better.
func TestWhatHangsComesLate(t *testing.T) {
	w := quiet(t, 3)
	w.over = false
	c := stream(1)
	g := congestion{heldUntil: w.now + 10, release: w.now + 100, pace: 5}
	require.True(t, g.troubled(w.now))
	require.Equal(t, engine.Duration(105), g.lag(w, &c))
	require.Equal(t, engine.Duration(110), g.lag(w, &c))
	w.now += 10
	require.Zero(t, g.lag(w, &c))
	require.False(t, g.troubled(w.now))
	require.True(t, g.draining(w.now))
	g.slowUntil, g.slow = w.now+1, 7
	require.Equal(t, engine.Duration(7), g.lag(w, &c))
	w.over = true
	require.Zero(t, g.lag(w, &c), "nothing goes wrong any more")
}
