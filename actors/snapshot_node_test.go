package actors

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// tally is the counter with snapshots.
type tally struct {
	counter
	write func(w io.Writer) error // nil, or what a test does first with the writer
	held  *atomic.Int64           // states captured and not released
}

type tallied struct {
	sum int64
	of  *tally
}

func (m *tally) Snapshot() (statemachine.Snapshot, error) {
	m.held.Add(1)
	return tallied{sum: m.sum, of: m}, nil
}

func (m *tally) Restore(body io.Reader) error { return binary.Read(body, binary.LittleEndian, &m.sum) }

func (s tallied) WriteTo(w io.Writer) (int64, error) {
	if s.of.write != nil {
		if err := s.of.write(w); err != nil {
			return 0, err
		}
	}
	return 8, binary.Write(w, binary.LittleEndian, s.sum)
}

func (s tallied) Release() { s.of.held.Add(-1) }

// startTally starts the only node of a cluster, or starts it again.
func startTally(t *testing.T, c *cluster, mode Bootstrap, held *atomic.Int64, write func(io.Writer) error) *Node[int64, int64] {
	t.Helper()
	return startTallyAs(t, c, 1, mode, held, write)
}

func startTallyAs(t *testing.T, c *cluster, id engine.NodeID, mode Bootstrap, held *atomic.Int64, write func(io.Writer) error) *Node[int64, int64] {
	t.Helper()
	node, err := Start(t.Context(), c.system, statemachine.Definition[int64, int64]{
		New:   func() statemachine.Machine[int64, int64] { return &tally{held: held, write: write} },
		Codec: counterCodec{},
	}, c.config(id, mode))
	require.NoError(t, err)
	c.nodes[id] = node
	return node
}

// A state that takes for ever to write stops neither commands nor a shutdown.
func TestShutdownEndsASnapshot(t *testing.T) {
	c := newCluster(t, 1)
	held, begun, once := &atomic.Int64{}, make(chan struct{}), sync.Once{}
	node := startTally(t, c, NewCluster{Members: c.members}, held, func(w io.Writer) error {
		for {
			once.Do(func() { close(begun) })
			if _, err := w.Write(make([]byte, 10)); err != nil {
				return err
			}
		}
	})
	c.writable()
	asked := make(chan error, 1)
	go func() {
		_, err := node.TriggerSnapshot(context.Background())
		asked <- err
	}()
	<-begun
	_, err := node.Write(t.Context(), 5)
	require.NoError(t, err)
	c.shutdown(1)
	require.ErrorIs(t, <-asked, ErrShutdown)
	require.Zero(t, held.Load())
}

// slowReader is a tally that takes for ever to be restored.
type slowReader struct {
	tally
	begun func()
}

func (m *slowReader) Restore(body io.Reader) error {
	for {
		m.begun()
		if _, err := body.Read(nil); err != nil {
			return err
		}
	}
}

// A state that takes for ever to read does not keep a node alive that is not wanted any more.
func TestTheEndOfAStartEndsARestore(t *testing.T) {
	c, held := newCluster(t, 1), &atomic.Int64{}
	node := startTally(t, c, NewCluster{Members: c.members}, held, nil)
	c.writable()
	_, err := node.TriggerSnapshot(t.Context())
	require.NoError(t, err)
	c.shutdown(1)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = Start(ctx, c.system, statemachine.Definition[int64, int64]{
		New: func() statemachine.Machine[int64, int64] {
			return &slowReader{tally: tally{held: held}, begun: cancel}
		},
		Codec: counterCodec{},
	}, c.config(1, Recover{}))
	require.ErrorIs(t, err, context.Canceled)
}

// Snapshots are taken while clients write, one after the other, and what the node starts from has all of it.
func TestSnapshotsWhileWriting(t *testing.T) {
	c := newCluster(t, 1)
	held := &atomic.Int64{}
	c.adjust = func(cfg *Config) { cfg.SnapshotHintEntries, cfg.TrailingLogEntries = 20, 5 }
	node := startTally(t, c, NewCluster{Members: c.members}, held, nil)
	c.writable()
	before, err := node.Write(t.Context(), 0)
	require.NoError(t, err)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 100 {
				_, err := node.Write(t.Context(), 1)
				require.NoError(t, err)
			}
		})
	}
	writers.Wait()
	index, err := node.TriggerSnapshot(t.Context())
	for errors.Is(err, ErrSnapshotInProgress) { // one that it takes by itself
		index, err = node.TriggerSnapshot(t.Context())
	}
	require.NoError(t, err)
	m, err := node.NodeMetrics(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, m.Snapshot.Index, index)
	require.Greater(t, m.Snapshots.Taken, uint64(1))
	c.shutdown(1)
	require.Zero(t, held.Load())

	node = startTally(t, c, Recover{}, held, nil)
	c.writable() // which writes 1
	sum, err := node.Write(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, before+401, sum)
}

// Who asked for a snapshot is answered when the switch to it is durable, and not when something before it is.
func TestTriggerWaitsForTheSwitch(t *testing.T) {
	c := newCluster(t, 1)
	cfg := c.config(1, Recover{})
	core, err := newCore(cfg, typedApplication[int64, int64]{def: definition(nil)})
	require.NoError(t, err)
	core.system = c.system
	d := newDriver(core)
	q := triggerCall{newFuture[engine.Index]()}
	d.snapshots = snapshotting{building: 5, change: 4, asked: []triggerRequest{q}}
	d.snapshots.built.label = engine.SnapshotMeta{ID: 5, Position: engine.Position{Term: 1, Index: 9}}
	d.durable = 3
	d.snapshotSwitched()
	require.False(t, q.taken.Load())
	d.durable = 4
	d.snapshotSwitched()
	index, err := q.wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, engine.Index(9), index)
}

// Who waits for an entry that a snapshot covers will not see it applied here.
func TestRestoreAnswersWhoWaits(t *testing.T) {
	answers := map[engine.Index]error{}
	a := &applyActor{}
	for _, first := range []engine.Index{4, 5, 6} {
		a.waiters = append(a.waiters, waiter{ticket: ticket{reply: hears{answers, first}, count: 1}, first: first, term: 2})
	}
	a.abandonCovered(5)
	require.Len(t, a.waiters, 1)
	require.Len(t, answers, 2)
	for index, err := range answers {
		require.ErrorIs(t, err, ErrOutcomeUnknown)
		require.LessOrEqual(t, index, engine.Index(5))
	}
}

// hears is a reply port that notes what it is told.
type hears struct {
	answers map[engine.Index]error
	index   engine.Index
}

func (hears) put(uint64, int, any)         {}
func (h hears) finish(_ uint64, err error) { h.answers[h.index] = err }
