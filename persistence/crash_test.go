package persistence_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// crashPoint is a moment between two operations on the file system.
type crashPoint struct {
	fsys   *persistence.MemFS // as a killed process leaves it
	what   string
	exists bool // Create has returned
	closed bool
	acked  int // states[acked] is durable
}

// history is a workload with every moment it went through.
type history struct {
	workload
	points []crashPoint
}

// recordHistory runs a workload and keeps a copy of the file system from before every operation that changes it.
func recordHistory(t testing.TB, seed uint64, batches int, o persistence.Options) *history {
	t.Helper()
	disk := persistence.NewMemFS()
	h := &history{}
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		switch op {
		case persistence.OpRead, persistence.OpList, persistence.OpOpen, persistence.OpSize, persistence.OpClose, persistence.OpFree:
			return
		default: // changes something
		}
		h.points = append(h.points, crashPoint{
			fsys: disk.Kill(), what: fmt.Sprintf("before %s %s (%d)", op, path, len(h.points)),
			exists: h.created, closed: h.closed, acked: h.acked,
		})
	})
	h.workload = workload{place: persistence.NewDir(fsys, testPath, o), seed: seed, batches: batches}
	require.NoError(t, h.run())
	return h
}

// requireLegal opens what a crash left and holds it to the history: at least what was acknowledged, at most what was
// begun, and never a refusal to start.
func (h *history) requireLegal(t testing.TB, p crashPoint, fsys persistence.FS) persistence.Recovered {
	t.Helper()
	place := persistence.NewDir(fsys, testPath, small())
	exists, err := place.Exists()
	require.NoError(t, err)
	if !exists {
		require.False(t, p.exists, "%s: the state is gone", p.what)
		s, err := place.Create(testID, h.states[0].HardState, h.states[0].Entries)
		require.NoError(t, err, "%s: create again", p.what)
		require.NoError(t, s.Close())
		return h.states[0]
	}
	s, err := place.Open(testID)
	require.NoError(t, err, p.what)
	got := s.Recovered(0)
	h.requireState(t, p, got)
	require.NoError(t, s.Close())
	return got
}

func (h *history) requireState(t testing.TB, p crashPoint, got persistence.Recovered) {
	t.Helper()
	for i := p.acked; i < len(h.states) && i <= p.acked+1; i++ {
		if sameState(h.states[i], got) {
			return
		}
	}
	require.Failf(t, "neither the durable state nor the next one", "%s: state %d", p.what, p.acked)
}

func TestCrashAtEveryOperation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		seed    uint64
		options persistence.Options
	}{{"tiny segments", 13, small()}, {"longer segments", 3, middling()}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := recordHistory(t, c.seed, 20, c.options)
			t.Logf("%d moments, %d segments freed, %d recycled, %d switches", len(h.points), h.freed, h.recycled, h.switches)
			require.Greater(t, len(h.points), 100)
			require.Positive(t, h.switches)
			require.Positive(t, h.freed)
			require.Positive(t, h.recycled)
			for i, p := range h.points {
				for try := range uint64(3) {
					h.requireLegal(t, p, p.fsys.Crash(rand.New(rand.NewPCG(uint64(i), try))))
				}
			}
		})
	}
}

// What a killed process left in the page cache is recovered by the next one, answered for, and must then survive a
// power loss right after.
func TestKillThenReopenThenPowerLoss(t *testing.T) {
	t.Parallel()
	h := recordHistory(t, 3, 14, small())
	for i, p := range h.points {
		fsys := p.fsys.Kill()
		place := persistence.NewDir(fsys, testPath, middling())
		if exists, err := place.Exists(); err != nil || !exists {
			require.NoError(t, err)
			continue
		}
		s, err := place.Open(testID)
		require.NoError(t, err, p.what)
		answered := s.Recovered(0)
		h.requireState(t, p, answered)
		for try := range uint64(4) {
			crashed := fsys.Crash(rand.New(rand.NewPCG(uint64(i), try)))
			requireState(t, answered, requireOpens(t, crashed))
		}
		next := commands(answered.HardState.Term, answered.Base.Index+engine.Index(len(answered.Entries))+1, 1, 50)
		require.NoError(t, s.Write(appended(next...)))
		answered.Entries = append(answered.Entries, next...)
		for try := range uint64(4) {
			crashed := fsys.Crash(rand.New(rand.NewPCG(uint64(i), try)))
			requireState(t, answered, requireOpens(t, crashed))
		}
	}
}

// again is a client's command that is proposed once more after each crash: the same content at the same place, in a
// higher term.
func again(term engine.Term, index engine.Index) engine.Entry {
	return engine.Entry{Term: term, Index: index, Kind: engine.EntryCommand, Data: bytes.Repeat([]byte("again"), 200)}
}

func repeated(state engine.HardState, index engine.Index) *persistence.Batch {
	b := &persistence.Batch{}
	b.SetHardState(0, state)
	b.Append(0, []engine.Entry{again(state.Term, index)})
	return b
}

// The same command is written again and again, and power is lost each time. What one opening did not show never
// appears at a later one, though each attempt leaves sectors that the next one would have written, too.
func TestCrashWhileABatchIsRepeated(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 5))
		disk := persistence.NewMemFS()
		var crashed *persistence.MemFS
		s := create(t, disk, middling())
		require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
		require.NoError(t, s.Close())
		answered := requireOpens(t, disk)
		for term := engine.Term(2); term < 10; term++ {
			watched := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
				if op == persistence.OpSync && filepath.Ext(path) == ".log" {
					crashed = disk.Crash(random)
				}
			})
			s, err := persistence.NewDir(watched, testPath, middling()).Open(testID)
			require.NoError(t, err)
			require.NoError(t, s.Write(repeated(at(term), 2)))
			written := persistence.Recovered{HardState: at(term), Entries: append(commands(1, 1, 1, 10), again(term, 2))}
			disk = crashed
			got := requireOpens(t, disk)
			if !sameState(answered, got) {
				requireState(t, written, got)
			}
			answered = got
		}
	}
}

// A failed sync may leave pages that look clean and are not on the disk. The process that saw it fail stops; the
// next one reads those pages, believes them, and must not be made a liar by a power loss.
func TestFailedWritebackThenReopenThenPowerLoss(t *testing.T) {
	disk := persistence.NewMemFS()
	fsys := persistence.NewFaultFS(disk, nil)
	s := create(t, fsys, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 3, 50)...)))
	fsys.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
	require.ErrorIs(t, s.Write(appended(commands(1, 4, 1, 5000)...)), persistence.ErrPoisoned)
	disk.FailWriteback()

	next := disk.Kill()
	s = open(t, next)
	answered := s.Recovered(0)
	require.Len(t, answered.Entries, 4)
	for seed := range uint64(20) {
		requireState(t, answered, requireOpens(t, next.Crash(rand.New(rand.NewPCG(seed, 0)))))
	}
}

// A power loss may strike while the log recovers from one.
func TestCrashDuringRecovery(t *testing.T) {
	t.Parallel()
	h := recordHistory(t, 6, 8, small())
	for i, p := range h.points {
		random := rand.New(rand.NewPCG(uint64(i), 9))
		left := p.fsys.Crash(random)
		var moments []*persistence.MemFS
		watched := persistence.NewFaultFS(left, func(op persistence.Op, _ string) {
			if op != persistence.OpRead && op != persistence.OpList && op != persistence.OpSize {
				moments = append(moments, left.Crash(random))
			}
		})
		h.requireLegal(t, p, watched)
		for _, moment := range moments {
			h.requireLegal(t, p, moment)
		}
	}
}

// Pinning the cluster id happens whole or not at all.
func TestCrashWhilePinning(t *testing.T) {
	unpinned := testID
	unpinned.Cluster.Founders = [16]byte{}
	disk := persistence.NewMemFS()
	var moments []*persistence.MemFS
	random := rand.New(rand.NewPCG(1, 1))
	fsys := persistence.NewFaultFS(disk, func(persistence.Op, string) {
		for range 8 {
			moments = append(moments, disk.Crash(random))
		}
	})
	s, err := persistence.NewDir(fsys, testPath, small()).Create(unpinned, at(1), nil)
	require.NoError(t, err)
	moments = nil
	require.NoError(t, s.PinCluster(testID.Cluster))
	seen := map[engine.ClusterID]int{}
	for _, moment := range moments {
		s, err := persistence.NewDir(moment, testPath, small()).Open(unpinned)
		require.NoError(t, err)
		seen[s.Identity().Cluster]++
		require.NoError(t, s.Close())
	}
	require.Len(t, seen, 2)
	require.Positive(t, seen[testID.Cluster])
	require.Positive(t, seen[unpinned.Cluster])

	s, err = persistence.NewDir(disk.Crash(random), testPath, small()).Open(unpinned)
	require.NoError(t, err)
	require.Equal(t, testID, s.Identity(), "durable when PinCluster returned")
	require.NoError(t, s.Close())
}
