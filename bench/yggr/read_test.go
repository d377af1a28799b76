package yggr_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
)

func start(tb testing.TB, lease int) *yggr.Cluster {
	tb.Helper()
	config := func(cfg *actors.Config) { cfg.LeaseDurationTicks = lease }
	cluster, err := yggr.StartWrapped(tb.Context(), tb.TempDir(), yggr.Wrap{Config: config})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, cluster.Stop()) })
	return cluster
}

func TestReadSeesTheWriteBefore(t *testing.T) {
	for _, lease := range []int{0, 6} {
		cluster := start(t, lease)
		for i := range uint64(20) {
			written, err := cluster.Write(t.Context(), workload.Command{Add: 3, ID: i, Size: workload.MinSize})
			require.NoError(t, err)
			read, err := cluster.Read(t.Context())
			require.NoError(t, err)
			require.Equal(t, written, read)
		}
	}
}

// BenchmarkRead measures linearizable reads at a leader of three, with TCP over the loopback interface between them: by
// read index and under a lease, for clients in a closed loop. The figures are throughput and the latency of one read.
func BenchmarkRead(b *testing.B) {
	for name, lease := range map[string]int{"read-index": 0, "lease": 6} {
		b.Run(name, func(b *testing.B) {
			cluster := start(b, lease)
			for _, clients := range []int{1, 16, 64, 256, 1024} {
				b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkReads(b, cluster, clients) })
			}
		})
	}
}

func benchmarkReads(b *testing.B, cluster *yggr.Cluster, clients int) {
	b.Helper()
	latencies := make([]*hdrhistogram.Histogram, clients)
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range clients {
		share := b.N / clients
		if i < b.N%clients {
			share++
		}
		latencies[i] = hdrhistogram.New(1, int64(time.Minute), 2)
		wg.Go(func() {
			for range share {
				begin := time.Now()
				if _, err := cluster.Read(context.Background()); err != nil {
					b.Error(err)
					return
				}
				_ = latencies[i].RecordValue(int64(time.Since(begin))) // in nanoseconds; a minute is more than any
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	for _, more := range latencies[1:] {
		latencies[0].Merge(more)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
	b.ReportMetric(float64(latencies[0].ValueAtQuantile(50))/1e3, "p50-µs")
	b.ReportMetric(float64(latencies[0].ValueAtQuantile(99))/1e3, "p99-µs")
}
