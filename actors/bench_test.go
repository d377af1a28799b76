package actors

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/yggr-go/yggr/statemachine"
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
			share(b, clients, func() error {
				_, err := leader.Write(context.Background(), 1)
				return err
			})
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

// BenchmarkRead measures a linearizable read in the same cluster, by read index and under a lease.
func BenchmarkRead(b *testing.B) {
	for _, lease := range []int{0, 6} {
		for _, clients := range []int{1, 16, 64, 256, 1024} {
			b.Run(fmt.Sprintf("lease=%d/clients=%d", lease, clients), func(b *testing.B) {
				c := newCluster(b, 3)
				c.adjust = func(cfg *Config) { cfg.LeaseDurationTicks = lease }
				c.startAll()
				leader := c.leader()
				before, err := leader.Metrics(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.ResetTimer()
				share(b, clients, func() error {
					return leader.ReadLinearizable(context.Background(), func(statemachine.Machine[int64, int64]) {})
				})
				b.StopTimer()
				after, err := leader.Metrics(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(after.ReadRounds-before.ReadRounds)/float64(after.ReadsCompleted-before.ReadsCompleted), "rounds/read")
			})
		}
	}
}

// share lets closed-loop clients do b.N operations between them.
func share(b *testing.B, clients int, operation func() error) {
	var wg sync.WaitGroup
	for i := range clients {
		part := b.N / clients
		if i < b.N%clients {
			part++
		}
		wg.Go(func() {
			for range part {
				if err := operation(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
