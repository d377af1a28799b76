package actors_test

import (
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

// savings is the counter with snapshots, which can be told to fail.
type savings struct {
	Counter
	faults *savingsFaults
}

// savingsFaults are what the machines of one test do wrong, and what became of what they captured.
type savingsFaults struct {
	capture, write error // of the next one
	panics         bool  // the next one, while it is written
	filling        int   // bytes written beside the sum

	captured, released int
}

func (s *savings) Snapshot() (statemachine.Snapshot, error) {
	if err := s.faults.capture; err != nil {
		s.faults.capture = nil
		return nil, err
	}
	s.faults.captured++
	return &savedSum{sum: s.sum, faults: s.faults}, nil
}

func (s *savings) Restore(body io.Reader) error {
	return binary.Read(body, binary.LittleEndian, &s.sum)
}

type savedSum struct {
	sum      uint64
	faults   *savingsFaults
	released bool
}

func (s *savedSum) WriteTo(w io.Writer) (int64, error) {
	if s.faults.panics {
		s.faults.panics = false
		panic("while it is written")
	}
	err := errors.Join(s.faults.write, binary.Write(w, binary.LittleEndian, s.sum))
	s.faults.write = nil
	if err == nil {
		_, err = w.Write(make([]byte, s.faults.filling))
	}
	return 8, err
}

func (s *savedSum) Release() {
	if s.released {
		panic("released twice")
	}
	s.released = true
	s.faults.released++
}

// newSaving founds a virtual cluster of machines with snapshots.
func newSaving(t *testing.T, options testkit.Options) (*virtual, *savingsFaults) {
	t.Helper()
	faults := &savingsFaults{}
	return &virtual{t: t, Cluster: testkit.NewCluster(t, statemachine.Definition[uint64, uint64]{
		New:   func() statemachine.Machine[uint64, uint64] { return &savings{faults: faults} },
		Codec: Codec{},
	}, options)}, faults
}

// every returns options with a snapshot every so many entries and a short trailing log.
func every(entries, nodes int) testkit.Options {
	return testkit.Options{Nodes: nodes, Configure: func(cfg *actors.Config) {
		cfg.SnapshotHintEntries, cfg.TrailingLogEntries = entries, 10
	}}
}

// writes writes n commands one after the other.
func (v *virtual) writes(n int) {
	v.t.Helper()
	for range n {
		r := v.propose(v.AwaitLeader())
		v.Await("an answer", r.Done)
		require.NoError(v.t, r.Err())
	}
}

// sum is what the machine of a node has added up.
func (v *virtual) sum(id engine.NodeID) uint64 {
	return v.Machine(id).(*savings).sum
}

// snapshot takes one and returns its index.
func (v *virtual) snapshot(id engine.NodeID) engine.Index {
	v.t.Helper()
	r := v.TriggerSnapshot(id)
	v.Await("a snapshot", r.Done)
	index, err := r.Get()
	require.NoError(v.t, err)
	return index
}

func (v *virtual) restart(id engine.NodeID) {
	v.t.Helper()
	v.Restart(id)
	v.AwaitLeader()
	v.AwaitApplied()
}

// files counts the files of a node whose names begin with prefix.
func (v *virtual) files(id engine.NodeID, prefix string) (count int) {
	for _, name := range v.Files(id) {
		if strings.HasPrefix(name, prefix) {
			count++
		}
	}
	return count
}

// Every node cuts its log by itself: in memory, and on the disk down to the segments that are needed and four spares. What
// it starts from afterwards is the snapshot and the rest of the log.
func TestSnapshotsCutTheLog(t *testing.T) {
	v, faults := newSaving(t, every(100, 3))
	v.writes(700)
	v.AwaitApplied()
	v.Loop.Advance(5 * time.Second) // idle: segments are freed and old files removed
	for _, id := range v.Nodes() {
		m, status := v.Metrics(id), v.Status(id)
		require.GreaterOrEqual(t, m.Snapshots.Taken, uint64(6))
		require.Zero(t, m.Snapshots.Failed)
		require.Equal(t, m.Engine.SnapshotsTaken, m.Snapshots.Taken)
		require.Greater(t, status.Snapshot.Index, engine.Index(600))
		require.Equal(t, status.Snapshot.Index-10, status.Base.Index, "the trailing log stays")
		require.Greater(t, m.Persistence.Freed, uint64(4))
		require.LessOrEqual(t, v.files(id, "segment-"), 3, "%v", v.Files(id))
		require.LessOrEqual(t, v.files(id, "spare-"), 4)
		require.Equal(t, 1, v.files(id, "snapshot-"), "%v", v.Files(id))
		require.Zero(t, v.files(id, "build-"))
	}
	require.Equal(t, faults.captured, faults.released)
	sum := v.sum(1)
	for _, id := range v.Nodes() {
		v.Crash(id)
		v.restart(id)
		require.Equal(t, sum, v.sum(id))
		require.Equal(t, uint64(1), v.Metrics(id).Snapshots.Restored)
	}
	v.writes(150)
	v.AwaitApplied()
	require.Equal(t, 850, v.requireHonest())
}

// The log above the last snapshot is bounded in entries and in bytes as well.
func TestSnapshotsInEveryBand(t *testing.T) {
	for name, configure := range map[string]func(*actors.Config){
		"bytes":        func(cfg *actors.Config) { cfg.SnapshotHintBytes = 2000 },
		"live entries": func(cfg *actors.Config) { cfg.MaxLogEntries = 50 },
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := newSaving(t, testkit.Options{Nodes: 1, Configure: func(cfg *actors.Config) {
				cfg.SnapshotHintEntries, cfg.SnapshotHintBytes, cfg.TrailingLogEntries = 0, 0, 0
				configure(cfg)
			}})
			v.writes(200)
			v.Loop.Advance(time.Second)
			require.GreaterOrEqual(t, v.Metrics(1).Snapshots.Taken, uint64(2))
		})
	}
}

// A machine without snapshots costs nothing but its log.
func TestMachineWithoutSnapshots(t *testing.T) {
	v := newVirtualOf(t, every(20, 1))
	for range 100 {
		v.Write(1)
	}
	require.Equal(t, actors.SnapshotMetrics{}, v.Metrics(1).Snapshots)
	require.Zero(t, v.Status(1).Base.Index)
	r := v.TriggerSnapshot(1)
	v.Await("an answer", r.Done)
	require.ErrorIs(t, r.Err(), actors.ErrSnapshotsUnsupported)
}

func TestTriggerSnapshot(t *testing.T) {
	v, faults := newSaving(t, testkit.Options{Nodes: 1})
	v.writes(20)
	index := v.snapshot(1)
	require.Equal(t, v.Status(1).Last.Index, index)
	require.Equal(t, index, v.Status(1).Snapshot.Index)
	require.Equal(t, index, v.snapshot(1), "nothing was applied since")
	require.Equal(t, uint64(1), v.Metrics(1).Snapshots.Taken)
	require.Equal(t, faults.captured, faults.released)

	v.writes(5)
	v.Loop.Stall(v.place(1, testkit.Snapshots))
	first := v.TriggerSnapshot(1)
	v.writes(5) // nobody waits for a snapshot
	second := v.TriggerSnapshot(1)
	v.Await("a refusal", second.Done)
	require.ErrorIs(t, second.Err(), actors.ErrSnapshotInProgress)
	require.ErrorIs(t, second.Err(), actors.ErrBusy)
	require.True(t, v.Metrics(1).Snapshots.Building)
	v.Loop.Resume(v.place(1, testkit.Snapshots))
	v.Await("the first", first.Done)
	require.NoError(t, first.Err())
	require.Equal(t, index+5, v.Status(1).Snapshot.Index, "of when it was captured")
	require.Equal(t, faults.captured, faults.released)

	v.Loop.Stall(v.place(1, testkit.Disk)) // the switch does not become durable
	third := v.TriggerSnapshot(1)
	v.Loop.Advance(time.Second)
	require.False(t, third.Done(), "a restart would not begin with it yet")
	v.Loop.Resume(v.place(1, testkit.Disk))
	v.Await("the third", third.Done)
	require.NoError(t, third.Err())
}

// A snapshot that fails, wherever it does, is told and leaves nothing behind; the node goes on and the next one succeeds.
func TestFailedSnapshotHarmsNothing(t *testing.T) {
	errMachine := errors.New("the machine cannot now")
	for name, fail := range map[string]func(v *virtual, faults *savingsFaults){
		"capture": func(_ *virtual, faults *savingsFaults) { faults.capture = errMachine },
		"write":   func(_ *virtual, faults *savingsFaults) { faults.write = errMachine },
		"panic":   func(_ *virtual, faults *savingsFaults) { faults.panics = true },
		"create": func(v *virtual, _ *savingsFaults) {
			v.Disk(1).Fail(persistence.Fault{Op: persistence.OpCreate, Path: "build-", Err: errMachine})
		},
		"disk full": func(v *virtual, _ *savingsFaults) {
			v.Disk(1).Fail(persistence.Fault{Op: persistence.OpWrite, Path: "build-", Err: errMachine})
		},
		"sync": func(v *virtual, _ *savingsFaults) {
			v.Disk(1).Fail(persistence.Fault{Op: persistence.OpSync, Path: "build-", Err: errMachine})
		},
		"rename": func(v *virtual, _ *savingsFaults) {
			v.Disk(1).Fail(persistence.Fault{Op: persistence.OpRename, Path: "build-", Err: errMachine})
		},
		"directory": func(v *virtual, _ *savingsFaults) {
			v.Disk(1).Fail(persistence.Fault{Op: persistence.OpSyncDir, Path: "snapshots", Err: errMachine})
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, faults := newSaving(t, testkit.Options{Nodes: 1})
			v.writes(20)
			before := v.Status(1).Base
			fail(v, faults)
			r := v.TriggerSnapshot(1)
			v.Await("an answer", r.Done)
			require.ErrorIs(t, r.Err(), actors.ErrSnapshotFailed)
			require.Equal(t, before, v.Status(1).Base)
			require.Equal(t, uint64(1), v.Metrics(1).Snapshots.Failed)
			v.Loop.Advance(time.Second)
			require.Empty(t, slices.DeleteFunc(v.Files(1), func(name string) bool { return filepath.Ext(name) != ".snap" && !strings.HasPrefix(name, "build-") }))
			v.writes(5)
			require.Equal(t, v.snapshot(1), v.Status(1).Last.Index)
			require.Equal(t, faults.captured, faults.released)
			v.Crash(1)
			v.restart(1)
			require.Equal(t, 25, v.requireHonest())
		})
	}
}

// A node whose named snapshot is damaged or gone does not start, and says which file. Nothing of it is changed.
func TestStartNeedsItsSnapshot(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, disk persistence.FS, path string){
		"body":  func(t *testing.T, disk persistence.FS, path string) { flip(t, disk, path, 600<<10) },
		"label": func(t *testing.T, disk persistence.FS, path string) { flip(t, disk, path, 17) },
		"another": func(t *testing.T, disk persistence.FS, path string) {
			store, err := persistence.OpenSnapshots(disk, filepath.Dir(path), 0)
			require.NoError(t, err)
			id, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "snapshot-"), ".snap"), 16, 64)
			require.NoError(t, err)
			label, err := store.Label(id)
			require.NoError(t, err)
			label.Position.Index--
			file, err := store.Create(label)
			require.NoError(t, err)
			_, err = file.Commit()
			require.NoError(t, err)
		},
		"gone": func(t *testing.T, disk persistence.FS, path string) {
			require.NoError(t, disk.Remove(path))
			require.NoError(t, disk.SyncDir(filepath.Dir(path)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, faults := newSaving(t, testkit.Options{Nodes: 1})
			faults.filling = 1 << 20
			v.writes(20)
			v.snapshot(1)
			v.Stop(1)
			files := v.Files(1)
			path := filepath.Join("data", "snapshots", files[slices.IndexFunc(files, func(name string) bool { return filepath.Ext(name) == ".snap" })])
			damage(t, v.Disk(1), path)
			v.Restart(1)
			v.Await("the failure", func() bool { return v.Failure(1) != nil })
			err := v.Failure(1)
			require.ErrorIs(t, err, actors.ErrFatal)
			if name == "gone" {
				require.ErrorIs(t, err, persistence.ErrNoSnapshot)
			} else {
				require.ErrorIs(t, err, persistence.ErrCorrupt)
			}
			if name != "another" {
				require.ErrorContains(t, err, filepath.Base(path))
			}
		})
	}
}

// flip changes one byte of a file, durably.
func flip(t *testing.T, disk persistence.FS, path string, at int64) {
	t.Helper()
	file, err := disk.Open(path)
	require.NoError(t, err)
	var b [1]byte
	_, err = file.ReadAt(b[:], at)
	require.NoError(t, err)
	b[0] ^= 1
	_, err = file.WriteAt(b[:], at)
	require.NoError(t, err)
	require.NoError(t, errors.Join(file.Sync(), file.Close()))
}

// The power goes at every operation from the moment a snapshot is asked for: while it is built, switched to, swept behind
// and while the log is freed. Each time the node comes back with everything that was acknowledged, and takes another one.
func TestCrashAtEveryOperationOfASnapshot(t *testing.T) {
	crashes := 0
	for nth := 1; ; nth++ {
		v, _ := newSaving(t, testkit.Options{Nodes: 1, Seed: uint64(nth), Configure: func(cfg *actors.Config) {
			cfg.TrailingLogEntries = 5
		}})
		v.writes(70) // a segment and some
		if nth%2 == 0 {
			v.snapshot(1)
			v.writes(70)
		}
		v.Loop.Advance(time.Second)
		v.CrashAt(1, nth)
		r := v.TriggerSnapshot(1)
		v.Loop.Advance(3 * time.Second)
		if !v.Down(1) {
			require.True(t, r.Done())
			require.Greater(t, crashes, 15)
			return
		}
		crashes++
		v.restart(1)
		v.requireHonest()
		acknowledged := len(v.results)
		require.Equal(t, acknowledged, v.requireHonest(), "crash at operation %d", nth)
		v.writes(3)
		require.Equal(t, v.snapshot(1), v.Status(1).Last.Index)
		v.Loop.Advance(time.Second)
		require.Equal(t, 1, v.files(1, "snapshot-"), "%v", v.Files(1))
		require.Zero(t, v.files(1, "build-"))
		v.Crash(1)
		v.restart(1)
		require.Equal(t, acknowledged+3, v.requireHonest())
	}
}

// Nodes that crash again and again while they take snapshots lose nothing, and never need one from another.
func TestCrashesAmongSnapshots(t *testing.T) {
	for seed := range uint64(4) {
		v, _ := newSaving(t, testkit.Options{Seed: seed, Configure: func(cfg *actors.Config) {
			cfg.SnapshotHintEntries, cfg.TrailingLogEntries = 15, 1000
		}})
		for round := range 12 {
			id := engine.NodeID(round%3 + 1)
			v.AwaitLeader()
			v.CrashAt(id, 5+(round*7+int(seed)*13)%60)
			v.proposeEvery(5*time.Millisecond, 300*time.Millisecond, v.Leader(), nil)
			if !v.Down(id) {
				v.CrashAt(id, 0)
				continue
			}
			v.restart(id)
		}
		v.AwaitApplied()
		v.requireHonest()
		for _, id := range v.Nodes() {
			require.Positive(t, v.Metrics(id).Engine.SnapshotsTaken+v.Metrics(id).Snapshots.Restored)
		}
	}
}

// A disk that is nearly full is relieved by a snapshot: it replaces the log, whose segments are used again.
func TestSnapshotMakesRoom(t *testing.T) {
	disk := persistence.NewMemFS()
	disk.SetCapacity(6 << 20)
	v, _ := newSaving(t, testkit.Options{Nodes: 1, Configure: func(cfg *actors.Config) {
		cfg.Storage = persistence.NewDir(disk, "small", persistence.Options{SegmentSize: 64 << 10, ReserveBytes: 2 << 20})
		cfg.SnapshotHintEntries, cfg.SnapshotHintBytes, cfg.TrailingLogEntries = 0, 0, 10
	}})
	v.AwaitLeader()
	refused := 0
	for v.Metrics(1).Snapshots.Taken < 3 {
		require.Less(t, len(v.results), 10_000)
		r := v.propose(1)
		v.Await("an answer", r.Done)
		if err := r.Err(); err != nil {
			require.ErrorIs(t, err, actors.ErrDiskNearlyFull)
			refused++
			v.Loop.Advance(200 * time.Millisecond)
		}
	}
	require.Positive(t, refused)
	require.Greater(t, v.requireHonest(), 1000)
}

// Behind a snapshot an idle log frees its segments one by one, until only what it needs is left, and some to go on with.
func TestIdleLogIsFreed(t *testing.T) {
	v, _ := newSaving(t, testkit.Options{Nodes: 1, Configure: func(cfg *actors.Config) { cfg.TrailingLogEntries = 10 }})
	v.writes(700)
	require.Greater(t, v.files(1, "segment-"), 8)
	v.snapshot(1)
	v.Loop.Advance(5 * time.Second)
	require.LessOrEqual(t, v.files(1, "segment-"), 2, "%v", v.Files(1))
	require.LessOrEqual(t, v.files(1, "spare-"), 4, "%v", v.Files(1))
}

// A sweep that was ordered while a snapshot was under way does not take its file.
func TestSweepSparesWhatIsBeingBuilt(t *testing.T) {
	v, _ := newSaving(t, testkit.Options{Nodes: 1})
	v.writes(5)
	v.snapshot(1)
	v.writes(1)
	v.Loop.Stall(v.place(1, testkit.Snapshots))
	r := v.TriggerSnapshot(1)
	v.Loop.Advance(time.Second) // the sweep behind the first one is ordered, behind the second one
	v.Loop.Resume(v.place(1, testkit.Snapshots))
	v.Await("the second", r.Done)
	require.NoError(t, r.Err())
	v.Loop.Advance(time.Second)
	require.Equal(t, 1, v.files(1, "snapshot-"))
	v.Crash(1)
	v.restart(1)
	require.Equal(t, 6, v.requireHonest())
}

// What cannot be removed is tried again.
func TestSweepIsTriedAgain(t *testing.T) {
	v, _ := newSaving(t, testkit.Options{Nodes: 1})
	v.writes(5)
	v.snapshot(1)
	v.writes(1)
	v.Disk(1).Fail(persistence.Fault{Op: persistence.OpRemove, Path: "snapshot-", Err: errors.New("not now")})
	v.snapshot(1)
	require.Equal(t, 2, v.files(1, "snapshot-"))
	v.Loop.Advance(time.Second)
	require.Equal(t, 1, v.files(1, "snapshot-"))
}

// What an earlier life received in part is kept to be resumed, until the node has a snapshot that makes it useless.
func TestPartialSnapshotIsKeptForAWhile(t *testing.T) {
	v, _ := newSaving(t, testkit.Options{Nodes: 1})
	v.writes(5)
	v.Stop(1)
	file, err := v.Disk(1).Create("data/snapshots/receive-0000000000000077.part")
	require.NoError(t, err)
	require.NoError(t, errors.Join(file.Sync(), file.Close(), v.Disk(1).SyncDir("data/snapshots")))
	v.restart(1)
	v.Loop.Advance(time.Second)
	require.Equal(t, 1, v.files(1, "receive-"))
	v.snapshot(1)
	v.Loop.Advance(time.Second)
	require.Zero(t, v.files(1, "receive-"))
}

// A state that waits to be written when the node ends is released.
func TestQueuedStateIsReleased(t *testing.T) {
	v, faults := newSaving(t, testkit.Options{Nodes: 1})
	v.writes(5)
	v.Loop.Stall(v.place(1, testkit.Snapshots))
	r := v.TriggerSnapshot(1)
	v.Loop.Advance(time.Second)
	require.Equal(t, 1, faults.captured)
	v.Loop.After(time.Second, func() { v.Loop.Resume(v.place(1, testkit.Snapshots)) })
	v.Stop(1)
	require.ErrorIs(t, r.Err(), actors.ErrShutdown)
	require.Equal(t, 1, faults.released)
}

// An actor that its supervisor restarts, in the middle of a snapshot, begins from the one before.
func TestRestartedActorBeginsFromItsSnapshot(t *testing.T) {
	v, faults := newSaving(t, testkit.Options{Nodes: 1})
	v.writes(20)
	v.snapshot(1)
	v.writes(5)
	v.Loop.Stall(v.place(1, testkit.Snapshots))
	r := v.TriggerSnapshot(1)
	v.Loop.Advance(10 * time.Millisecond)
	armed := true
	v.Loop.Watch(func(d testkit.Delivery) {
		if armed && d.To == v.place(1, testkit.Driver) {
			armed = false
			panic("injected")
		}
	})
	v.Loop.Advance(time.Second)
	v.Loop.Resume(v.place(1, testkit.Snapshots))
	v.Loop.Advance(5 * time.Second)
	require.False(t, armed)
	require.ErrorIs(t, r.Err(), actors.ErrSteppedDown)
	v.writes(5)
	require.Equal(t, uint64(1), v.Metrics(1).Snapshots.Restored)
	require.Equal(t, faults.captured, faults.released)
	v.snapshot(1)
	v.Loop.Advance(time.Second)
	require.Equal(t, 30, v.requireHonest())
	require.Equal(t, 1, v.files(1, "snapshot-"))
	require.Zero(t, v.files(1, "build-"))
}
