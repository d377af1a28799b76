package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestQueueBehavesLikeASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue[int]
		var model []int
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			switch op := rapid.IntRange(0, 9).Draw(t, "op"); {
			case op == 0:
				q.clear()
				model = nil
			case op < 6:
				q.push(i)
				model = append(model, i)
			case len(model) > 0:
				q.pop()
				model = model[1:]
			}
			require.Equal(t, len(model), q.len())
			for j, want := range model {
				require.Equal(t, want, *q.at(j))
			}
			if len(model) > 0 {
				require.Equal(t, model[0], *q.front())
				require.Equal(t, model[len(model)-1], *q.back())
			}
		}
	})
}

func TestQueueReusesItsMemory(t *testing.T) {
	var q queue[int]
	for range 8 {
		q.push(0)
	}
	allocs := testing.AllocsPerRun(1000, func() {
		q.push(1)
		q.pop()
	})
	require.Less(t, allocs, 0.01, "a queue that never empties must not grow for ever")
}
