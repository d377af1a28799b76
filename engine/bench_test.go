package engine

import (
	"fmt"
	"testing"
)

// BenchmarkThreeNodes takes entries through three engines on one core: proposed to the leader in batches,
// copied to a slice as storage, confirmed, acknowledged, committed and applied on all three. One batch is under
// way at a time, which is the worst case for the work per entry.
func BenchmarkThreeNodes(b *testing.B) {
	for _, size := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { benchmarkThreeNodes(b, size) })
	}
}

// benchLog is how long a log gets before the benchmark starts anew: as long as it gets between two snapshots.
const benchLog = 1 << 16

func benchmarkThreeNodes(b *testing.B, size int) {
	c := newBenchCluster(b)
	commands := make([][]byte, size)
	for i := range commands {
		commands[i] = make([]byte, 64)
	}
	b.ReportAllocs()
	entries := 0
	for b.Loop() {
		if c.applied[0] > benchLog {
			b.StopTimer()
			c = newBenchCluster(b)
			b.StartTimer()
		}
		before := c.applied[0]
		c.round(commands)
		entries += int(c.applied[0] - before)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(entries), "ns/entry")
	if entries < b.N*size {
		b.Fatalf("applied %d of %d entries", entries, b.N*size)
	}
}

// benchCluster is three engines, their storage and the messages between them.
type benchCluster struct {
	leader  int
	engines []*Engine
	storage [][]Entry
	applied []Index
	flight  []benchMessage
	spare   []benchMessage

	incoming  Incoming
	persisted Persisted
	done      Applied
	batch     ClientProposalBatch
}

type benchMessage struct {
	from, to int
	message  Message
}

func newBenchCluster(b *testing.B) *benchCluster {
	b.Helper()
	trio := newTrio(b, 3)
	for _, n := range trio.nodes {
		trio.start(n, func(cfg *Config) { cfg.Tracer = nil })
	}
	leader := trio.elect()
	c := &benchCluster{leader: int(leader.peer.ID) - 1}
	for _, n := range trio.nodes {
		c.engines = append(c.engines, n.engine)
		c.storage = append(c.storage, make([]Entry, 0, 1<<12))
		c.applied = append(c.applied, 0)
	}
	return c
}

// round takes one batch all the way.
func (c *benchCluster) round(commands [][]byte) {
	c.batch = ClientProposalBatch{ID: 1, Commands: commands}
	c.step(c.leader, &c.batch)
	for len(c.flight) > 0 {
		messages := c.flight
		c.flight = c.spare[:0]
		for _, m := range messages {
			c.incoming = Incoming{From: c.peer(m.from), Message: m.message}
			c.step(m.to, &c.incoming)
		}
		c.spare = messages
	}
}

func (c *benchCluster) peer(i int) Peer {
	return Peer{ID: NodeID(i + 1), Incarnation: Incarnation(101 + i)}
}

func (c *benchCluster) step(i int, event Event) {
	var seq Seq
	var applied Index
	for _, action := range c.engines[i].Step(event) {
		switch a := action.(type) {
		case *PersistHardState:
			seq = a.Seq
		case *PersistLogEntries:
			if len(c.storage[i])+len(a.Entries) > cap(c.storage[i]) {
				c.storage[i] = c.storage[i][:0]
			}
			c.storage[i], seq = append(c.storage[i], a.Entries...), a.Seq
		case *Send:
			c.flight = append(c.flight, benchMessage{from: i, to: int(a.To) - 1, message: a.Message})
		case *Apply:
			applied = a.Entries[len(a.Entries)-1].Index
		default:
		}
	}
	if seq > 0 {
		c.persisted = Persisted{Seq: seq}
		c.step(i, &c.persisted)
	}
	if applied > 0 {
		c.applied[i] = applied
		c.done = Applied{Index: applied}
		c.step(i, &c.done)
	}
}
