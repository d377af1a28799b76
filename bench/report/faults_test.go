package report

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/bench/workload"
)

func run(writes uint64, p99 time.Duration) BlackHole {
	return BlackHole{Result: workload.Result{
		Writes: writes, Elapsed: time.Second, P50: p99 / 10, P99: p99, Max: 2 * p99,
	}}
}

func TestBlackHoles(t *testing.T) {
	b := NewBlackHoles(16)
	var out strings.Builder
	require.NoError(t, b.WriteText(&out))
	require.Empty(t, out.String())
	for _, pair := range []struct{ healthy, faulty time.Duration }{
		{time.Millisecond, 3 * time.Millisecond}, {2 * time.Millisecond, 2 * time.Millisecond}, {4 * time.Millisecond, 6 * time.Millisecond},
	} {
		faulty := run(900, pair.faulty)
		faulty.Missed, faulty.CaughtUp = 1234, 250*time.Millisecond
		b.Add(64, run(1000, pair.healthy), faulty)
	}
	b.Add(1, run(100, time.Millisecond), run(100, 2001*time.Microsecond))
	b.AddVoid(1, true)
	require.NoError(t, b.WriteText(&out))
	want := `
A follower black-holed, 16-byte commands (medians over pairs)
   C     follower  writes/s  p50 µs  p99 µs  max µs  missed  caught up ms  pairs  void
   1      healthy       100     100   1,000   2,000       –             –      1     0
   1  black-holed       100     200   2,001   4,002       0             0      1     1
  64      healthy     1,000     200   2,000   4,000       –             –      3     0
  64  black-holed       900     300   3,000   6,000   1,234           250      3     0
C=1: p99 with a black-holed follower is 2.00 × healthy: median of 1 pairs, 2.00 to 2.00 (ratio of the medians: p99 2.00, p50 2.00); at most 2 demanded: DOES NOT HOLD
C=64: p99 with a black-holed follower is 1.50 × healthy: median of 3 pairs, 1.00 to 3.00 (ratio of the medians: p99 1.50, p50 1.50); at most 2 demanded: holds
`
	require.Equal(t, want, out.String())
}

func TestRestarts(t *testing.T) {
	r := NewRestarts(150*time.Millisecond, time.Millisecond)
	var out strings.Builder
	require.NoError(t, r.WriteText(&out))
	require.Empty(t, out.String())
	for i := range 10 {
		ms := time.Duration(i+1) * time.Millisecond
		r.Add(Restart{Listening: 10 * ms, Traffic: ms, CaughtUp: 20 * ms})
	}
	r.Writes, r.Unknown, r.Void = []time.Duration{2 * time.Millisecond, time.Millisecond}, 3, 1
	require.NoError(t, r.WriteText(&out))
	want := `
10 restarts of a killed follower, in ms (1 more were void)
                     from → to    p50    p90    p99    max
  listening → leader's traffic    5.0    9.0   10.0   10.0
             start → listening   50.0   90.0  100.0  100.0
      start → leader's traffic   55.0   99.0  110.0  110.0
             start → caught up  100.0  180.0  200.0  200.0
two heartbeats of 150ms and a connection of 1.0 ms are 301.0 ms: 0 of 10 restarts took longer: holds
writes meanwhile: 2 acknowledged, p50 1.0 ms, p99 2.0 ms, max 2.0 ms; 0 refused, 3 unknown
`
	require.Equal(t, want, out.String())

	out.Reset()
	r.Add(Restart{Traffic: 301 * time.Millisecond})
	r.Add(Restart{Traffic: 302 * time.Millisecond})
	require.NoError(t, r.WriteText(&out))
	require.Contains(t, out.String(), "1 of 12 restarts took longer: DOES NOT HOLD")
}

func TestQuantile(t *testing.T) {
	require.Zero(t, Quantile(nil, 0.5))
	figures := []time.Duration{1, 2, 3, 4}
	for part, want := range map[float64]time.Duration{0: 1, 0.25: 1, 0.5: 2, 0.51: 3, 0.99: 4, 1: 4} {
		require.Equal(t, want, Quantile(figures, part))
	}
}
