package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPartitionsEnd: whatever overlaps, every link is whole again when all is over, and meanwhile a bridge is reached by
// everybody.
func TestPartitionsEnd(t *testing.T) {
	w := newWorld(Options{Seed: 1, Nodes: 5})
	for range 5 {
		w.add(false)
	}
	c := stream(1)
	for range 20 {
		w.split(&c)
		w.cutOneWay(&c)
		w.isolate(w.nodes[0], &c)
	}
	require.Positive(t, w.cuts())
	for len(w.queue.events) > 0 {
		w.next()
	}
	require.Zero(t, w.cuts())

	w.bridge(&c)
	bridges := 0
	for _, n := range w.nodes {
		reached := true
		for _, other := range w.nodes {
			reached = reached && w.network.open(n.id, other.id) && w.network.open(other.id, n.id)
		}
		if reached {
			bridges++
		}
	}
	require.GreaterOrEqual(t, bridges, 1)
}

func (w *world) cuts() (cuts int) {
	for _, from := range w.network.links {
		for _, l := range from {
			cuts += l.cuts
		}
	}
	return cuts
}
