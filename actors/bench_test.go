package actors

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// BenchmarkWrite measures the path of a write through the actors, without disk and network: three nodes with
// storage in memory, C closed-loop clients at the leader.
func BenchmarkWrite(b *testing.B) {
	for _, clients := range []int{1, 16, 64, 256, 1024} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			c := newCluster(b, 3)
			c.startAll()
			leader := c.leader()
			before, err := leader.NodeMetrics(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			writeAll(b, leader, clients, b.N)
			b.StopTimer()
			after, err := leader.NodeMetrics(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			entries := float64(after.Engine.EntriesAppended - before.Engine.EntriesAppended)
			b.ReportMetric(entries/float64(after.Persistence.Batches-before.Persistence.Batches), "writes/batch")
			b.ReportMetric(float64(after.Engine.AppendEntriesSent-before.Engine.AppendEntriesSent)/entries, "appends/write")
		})
	}
}

func writeAll(b *testing.B, leader *Node[int64, int64], clients, n int) {
	var wg sync.WaitGroup
	for i := range clients {
		share := n / clients
		if i < n%clients {
			share++
		}
		wg.Go(func() {
			for range share {
				if _, err := leader.Write(context.Background(), 1); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
