package persistence_test

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/persistence"
)

// TestModel runs random operations, faults and crashes against slices. After each the log holds what the slices hold; only
// a batch that a crash or a failure met may be there or not. In the order of what they cost: what a process does in
// peace, ends of a process, and failures that end it.
//
//	go test ./persistence -run TestModel -rapid.checks=10000
func TestModel(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		r := startModel(t, seen)
		t.Repeat(map[string]func(*rapid.T){
			"write":                     func(t *rapid.T) { r.attempt(t) },
			"idle":                      func(t *rapid.T) { r.done(t, r.is, r.storage.Write(&persistence.Batch{})) },
			"pin":                       r.pin,
			"reopen":                    r.reopen,
			"kill":                      func(t *rapid.T) { r.restart(t, r.disk.Kill(), r.is) },
			"power loss":                func(t *rapid.T) { r.restart(t, r.disk.Crash(seeded(t)), r.is) },
			"crash in a write":          r.crashInAWrite,
			"power loss while starting": r.crashWhileStarting,
			"fail to free":              r.failToFree,
			"fail":                      r.fail,
			"fail while starting":       r.failWhileStarting,
			"fill up":                   r.fillUp,
		})
	})
	t.Logf("%v", seen)
	for _, what := range []string{"freed", "recycled", "torn", "cut while starting", "failed", "failed while starting", "full"} {
		require.Positive(t, seen[what], what)
	}
}

// modelRun is a storage and the slices that know what it must hold.
type modelRun struct {
	size    int64
	uses    useIDs
	seen    map[string]int // over all cases
	disk    *persistence.MemFS
	fsys    *persistence.FaultFS // of the process at hand
	storage persistence.Storage
	is      world
	cause   error // of the failure that the process may meet; nil: none

	countdown int // operations until cut is taken; zero: not at all
	cutBy     func() *persistence.MemFS
	cut       *persistence.MemFS
}

func startModel(t *rapid.T, seen map[string]int) *modelRun {
	r := &modelRun{seen: seen, size: rapid.SampledFrom([]int64{16 << 10, 32 << 10, 64 << 10}).Draw(t, "segment size")}
	first := commands(1, 1, rapid.IntRange(0, 2).Draw(t, "first entries"), 10)
	r.is = newborn(unpinned().Cluster, rapid.IntRange(1, 3).Draw(t, "groups"), first)
	s, err := r.place(persistence.NewMemFS()).Create(unpinned(), at(1), first)
	require.NoError(t, err)
	r.storage = s
	return r
}

func seeded(t *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) }

// place is what a new process sees of a disk.
func (r *modelRun) place(disk *persistence.MemFS) *persistence.Dir {
	r.disk, r.fsys, r.cause = disk, persistence.NewFaultFS(disk, r.before), nil
	return persistence.NewDir(r.fsys, testPath, persistence.Options{SegmentSize: r.size, Random: r.uses.next})
}

func (r *modelRun) before(op persistence.Op, _ string) {
	if r.countdown == 0 || !changes(op) {
		return
	}
	if r.countdown--; r.countdown == 0 {
		r.cut = r.cutBy()
	}
}

// cutAfter takes what a crash leaves before one of the next operations.
func (r *modelRun) cutAfter(t *rapid.T, most int) {
	random := seeded(t)
	r.cut, r.countdown = nil, rapid.IntRange(1, most).Draw(t, "operations")
	r.cutBy = func() *persistence.MemFS { return r.disk.Crash(random) }
	if rapid.Bool().Draw(t, "by a kill") {
		r.cutBy = func() *persistence.MemFS { return r.disk.Kill() }
	}
}

// attempt writes a batch. It returns the world with it.
func (r *modelRun) attempt(t *rapid.T) world {
	batch, next, _ := r.is.batch(seeded(t))
	switch rapid.IntRange(0, 7).Draw(t, "batch") {
	case 0:
		batch, next, _ = r.is.repeated(seeded(t))
	case 1:
		batch, next, _ = r.is.compacted(seeded(t))
	case 2:
		batch, next, _ = r.is.installed(seeded(t))
	}
	r.done(t, next, r.storage.Write(batch))
	return next
}

// done takes note of what became of an operation. If it failed, the place is refused in this process, and a new one
// finds it done or not.
func (r *modelRun) done(t *rapid.T, next world, err error) {
	if err == nil {
		r.is = next
		return
	}
	r.seen["failed"]++
	require.NotNil(t, r.cause, "%v", err)
	require.ErrorIs(t, err, r.cause)
	require.ErrorIs(t, err, persistence.ErrPoisoned)
	require.Equal(t, err, r.storage.Write(&persistence.Batch{}))
	_ = r.storage.Close()
	_, again := persistence.NewDir(r.fsys, testPath, persistence.Options{}).Open(unpinned())
	require.ErrorIs(t, again, persistence.ErrPoisoned)
	r.restart(t, r.remains(t), r.is, next)
}

// remains is what a process that stopped over a failure leaves to the next one.
func (r *modelRun) remains(t *rapid.T) *persistence.MemFS {
	switch rapid.IntRange(0, 2).Draw(t, "remains") {
	case 0:
		return r.disk.Crash(seeded(t))
	case 1:
		r.disk.FailWriteback()
	}
	return r.disk.Kill()
}

// restart opens a disk in a new process, which must show one of the worlds.
func (r *modelRun) restart(t *rapid.T, disk *persistence.MemFS, legal ...world) {
	m := r.storage.Metrics()
	r.seen["freed"] += int(m.Freed)
	r.seen["recycled"] += int(m.Recycled)
	disk.SetCapacity(0)
	s, err := r.place(disk).Open(unpinned())
	require.NoError(t, err)
	groups := make([]persistence.Recovered, len(r.is.groups))
	for i := range groups {
		groups[i] = s.Recovered(persistence.Group(i))
	}
	for _, w := range legal {
		if w.shownBy(s.Identity().Cluster, groups) {
			r.storage, r.is = s, w
			return
		}
	}
	require.Failf(t, "another state", "legal: %v\nfound: %s", legal, describe(s.Identity().Cluster, groups))
}

func (r *modelRun) pin(t *rapid.T) {
	r.done(t, r.is.pinned(testID.Cluster), r.storage.PinCluster(testID.Cluster))
}

// reopen closes and opens. If closing fails, nothing is lost by it: all that was promised is durable before.
func (r *modelRun) reopen(t *rapid.T) {
	if err := r.storage.Close(); err != nil {
		require.NotNil(t, r.cause, "%v", err)
		require.ErrorIs(t, err, r.cause)
		r.restart(t, r.remains(t), r.is)
		return
	}
	r.restart(t, r.disk, r.is)
}

// crashInAWrite ends the process at an operation of a write: all of the batch is there afterwards, or nothing of it.
func (r *modelRun) crashInAWrite(t *rapid.T) {
	r.cutAfter(t, 20)
	before := r.is
	next := r.attempt(t)
	r.countdown = 0
	switch {
	case r.cut != nil:
		r.seen["torn"]++
		r.restart(t, r.cut, before, next)
	default:
		r.restart(t, r.disk.Crash(seeded(t)), r.is)
	}
}

// crashWhileStarting loses power, and loses it again while the next process starts.
func (r *modelRun) crashWhileStarting(t *rapid.T) {
	r.cutAfter(t, 12)
	r.restart(t, r.disk.Crash(seeded(t)), r.is)
	r.countdown = 0
	if r.cut != nil {
		r.seen["cut while starting"]++
		r.restart(t, r.cut, r.is)
	}
}

// failToFree lets what nothing rests on fail.
func (r *modelRun) failToFree(*rapid.T) {
	r.fsys.Fail(persistence.Fault{Op: persistence.OpRename, Path: "segment-", Err: errDisk})
	r.fsys.Fail(persistence.Fault{Op: persistence.OpRemove, Path: "segment-", Err: errDisk})
}

// fault draws an operation that fails, at once or later.
func (r *modelRun) fault(t *rapid.T) persistence.Fault {
	return persistence.Fault{
		Op: rapid.SampledFrom([]persistence.Op{
			"", persistence.OpSync, persistence.OpSync, persistence.OpWrite, persistence.OpSyncDir, persistence.OpRename,
			persistence.OpCreate, persistence.OpOpen, persistence.OpClose, persistence.OpRemove,
		}).Draw(t, "operation"),
		After: rapid.IntRange(0, 6).Draw(t, "after"),
		Short: rapid.SampledFrom([]int{0, 512, 5000}).Draw(t, "short"),
		Done:  rapid.IntRange(0, 3).Draw(t, "done all the same") == 3,
		Err:   rapid.SampledFrom([]error{errDisk, syscall.ENOSPC}).Draw(t, "cause"),
	}
}

// fail arms a failure that this process will meet sooner or later.
func (r *modelRun) fail(t *rapid.T) {
	if r.cause != nil {
		return
	}
	fault := r.fault(t)
	r.cause = fault.Err
	r.fsys.Fail(fault)
	r.attempt(t)
}

// failWhileStarting lets the next process fail before it has started. The one after it finds everything.
func (r *modelRun) failWhileStarting(t *rapid.T) {
	place := r.place(r.remains(t))
	fault := r.fault(t)
	r.fsys.Fail(fault)
	s, err := place.Open(unpinned())
	if err == nil {
		_ = s.Close()
	} else {
		r.seen["failed while starting"]++
		require.ErrorIs(t, err, fault.Err)
	}
	r.restart(t, r.remains(t), r.is)
}

// fillUp leaves that little room on the disk, until this process ends.
func (r *modelRun) fillUp(t *rapid.T) {
	if r.cause != nil {
		return
	}
	r.seen["full"]++
	const plenty = 1 << 40
	r.disk.SetCapacity(plenty)
	free, err := r.disk.FreeBytes(testPath)
	require.NoError(t, err)
	r.disk.SetCapacity(plenty - free + int64(rapid.IntRange(1, 100_000).Draw(t, "room")))
	r.cause = syscall.ENOSPC
	r.attempt(t)
}
