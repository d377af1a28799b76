package sim

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
)

// TestTheQueueIsOrdered by time, and among events of the same time by when they were put in.
func TestTheQueueIsOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q eventQueue
		var want []event
		for range rapid.IntRange(0, 50).Draw(t, "events") {
			q.put(event{at: engine.Instant(rapid.IntRange(0, 9).Draw(t, "at"))})
			want = append(want, event{at: q.events[slices.IndexFunc(q.events, func(e event) bool { return e.order == q.puts })].at, order: q.puts})
		}
		slices.SortStableFunc(want, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		for _, e := range want {
			got := q.take()
			require.Equal(t, [2]uint64{uint64(e.at), e.order}, [2]uint64{uint64(got.at), got.order})
		}
		require.Empty(t, q.events)
	})
}

// TestAPausedNodeHearsEverythingLater, in whatever order, and nothing that was for an earlier life.
func TestAPausedNodeHearsEverythingLater(t *testing.T) {
	w := newWorld(Options{Seed: 1, Nodes: 1})
	n := w.add(false)
	n.life, n.pausedUntil = 1, 100
	var heard []int
	for i := range 5 {
		w.afterAt(n, engine.Duration(10+i%2), func() { heard = append(heard, i) })
	}
	for len(w.queue.events) > 0 {
		w.next()
	}
	require.ElementsMatch(t, []int{0, 1, 2, 3, 4}, heard)
	require.GreaterOrEqual(t, w.now, engine.Instant(100))

	w.afterAt(n, 10, func() { t.Error("of an earlier life") })
	n.life++
	w.next()
}

// TestClocksDrift by what they are said to, and a span is as long as the clock shows.
func TestClocksDrift(t *testing.T) {
	for _, rate := range []int64{-maxDrift, 0, maxDrift} {
		c := clock{offset: 1000, rate: rate}
		start := engine.Instant(7_000_000_000)
		later := start + engine.Instant(c.span(engine.Duration(1_000_000_000)))
		require.InDelta(t, 1e9, float64(c.at(later)-c.at(start)), 10)
		require.InDelta(t, 7e9*(1+float64(rate)/1e6), float64(c.at(start)-c.at(0)), 10)
	}
}

// TestStreamsAreTheirOwn: a stream depends on the seed and on each part of its key, and on nothing else.
func TestStreamsAreTheirOwn(t *testing.T) {
	first := map[uint64]bool{}
	for seed := range uint64(5) {
		for a := range uint64(5) {
			for b := range uint64(5) {
				c, d := stream(seed, a, b), stream(seed, a, b)
				x := c.Uint64()
				require.Equal(t, x, d.Uint64())
				require.False(t, first[x])
				first[x] = true
			}
		}
	}
	c, hits := stream(1), 0
	for range 10_000 {
		if c.happens(0.3) {
			hits++
		}
		d := c.between(3, 5)
		require.True(t, 3 <= d && d <= 5)
	}
	require.InDelta(t, 3000, hits, 200)
}
