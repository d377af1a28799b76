package hops

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every hop of most writes is seen, and the hops add up to the whole.
func TestMeasure(t *testing.T) {
	const count = 100
	samples, err := measure(t.Context(), t.TempDir(), 10, count)
	require.NoError(t, err)
	require.Greater(t, len(samples), count/2)
	for _, s := range samples {
		var sum time.Duration
		for _, hop := range s.hops {
			sum += hop
		}
		require.Equal(t, s.total, sum)
		require.Positive(t, s.ownDisk)
	}
	var out strings.Builder
	require.NoError(t, printSamples(&out, samples))
	for _, name := range names {
		require.Contains(t, out.String(), name)
	}
}

// What belongs to the write before is not taken for the write under way.
func TestRecorderIgnoresTheLastWrite(t *testing.T) {
	var r recorder
	r.start(1)
	r.disk(2, diskBegin) // a slow follower, before it has the entry
	r.disk(2, diskEnd)
	r.deliver(1, 2, &engine.AppendEntriesResponse{Accepted: true, Match: 9})
	r.send(1, &engine.AppendEntries{Entries: []engine.Entry{{Index: 10}}})
	r.deliver(1, 2, &engine.AppendEntriesResponse{Accepted: true, Match: 9})
	require.Zero(t, r.at[2][diskBegin])
	require.Zero(t, r.at[2][diskEnd])
	require.Zero(t, r.at[1][received])
	require.Zero(t, r.first)

	r.deliver(2, 1, &engine.AppendEntries{Entries: []engine.Entry{{Index: 10}}})
	r.disk(2, diskBegin)
	r.disk(2, diskEnd)
	r.deliver(1, 2, &engine.AppendEntriesResponse{Accepted: true, Match: 10})
	require.NotZero(t, r.at[2][diskEnd])
	require.Equal(t, engine.NodeID(2), r.first)
}
