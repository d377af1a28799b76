package persistence_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/persistence/storagetest"
)

// modelRun is a storage and the slice that knows what it must hold.
type modelRun struct {
	disk    *persistence.MemFS
	storage persistence.Storage
	model   storagetest.Model
	size    int64
	fsys    *persistence.FaultFS // of the last opening
	freed   *uint64              // segments, over all cases
}

// TestModel runs random operations and crashes against a slice.
func TestModel(t *testing.T) {
	t.Parallel()
	freed := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		run := &modelRun{
			disk: persistence.NewMemFS(), size: rapid.SampledFrom([]int64{16 << 10, 32 << 10, 64 << 10}).Draw(t, "segment size"),
			freed: &freed,
		}
		first := commands(1, 1, rapid.IntRange(0, 2).Draw(t, "first entries"), 10)
		s, err := run.place(run.disk).Create(testID, at(1), first)
		require.NoError(t, err)
		run.storage = s
		run.model.State = persistence.Recovered{HardState: at(1), Entries: first}
		t.Repeat(map[string]func(*rapid.T){
			"write":      run.write,
			"idle":       func(t *rapid.T) { require.NoError(t, run.storage.Write(&persistence.Batch{})) },
			"reopen":     run.reopen,
			"kill":       func(t *rapid.T) { run.restart(t, run.disk.Kill()) },
			"power loss": func(t *rapid.T) { run.restart(t, run.disk.Crash(seeded(t))) },
			"torn write": run.tornWrite,
			"fail to free": func(*rapid.T) {
				run.fsys.Fail(persistence.Fault{Op: persistence.OpRename, Path: "segment-", Err: errDisk})
				run.fsys.Fail(persistence.Fault{Op: persistence.OpRemove, Path: "segment-", Err: errDisk})
			},
		})
	})
	t.Logf("%d segments freed", freed)
	require.Positive(t, freed)
}

func seeded(t *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) }

func (r *modelRun) place(fsys persistence.FS) *persistence.Dir {
	r.fsys = persistence.NewFaultFS(fsys, nil)
	return persistence.NewDir(r.fsys, testPath, persistence.Options{SegmentSize: r.size, Random: func() uint64 { return rand.Uint64() }})
}

// batch draws a legal batch and applies it to the model that it returns.
func (r *modelRun) batch(t *rapid.T) (*persistence.Batch, storagetest.Model) {
	random, next := seeded(t), r.model.Clone()
	batch := &persistence.Batch{}
	for range rapid.IntRange(1, 4).Draw(t, "records") {
		next.Step(random, batch)
	}
	return batch, next
}

// repeated is a batch like the one that a torn write may have lost, in a higher term.
func (r *modelRun) repeated() (*persistence.Batch, storagetest.Model) {
	next := r.model.Clone()
	next.State.HardState = at(r.model.State.HardState.Term + 1)
	last := next.Last() + 1
	next.State.Entries = append(next.State.Entries, again(next.State.HardState.Term, last))
	return repeated(next.State.HardState, last), next
}

func (r *modelRun) write(t *rapid.T) {
	batch, next := r.batch(t)
	require.NoError(t, r.storage.Write(batch))
	r.model = next
}

func (r *modelRun) reopen(t *rapid.T) {
	require.NoError(t, r.storage.Close())
	r.restart(t, r.disk)
}

func (r *modelRun) restart(t *rapid.T, disk *persistence.MemFS) {
	*r.freed += r.storage.Metrics().Freed
	s, err := r.place(disk).Open(testID)
	require.NoError(t, err)
	require.True(t, sameState(r.model.State, s.Recovered(0)))
	r.disk, r.storage = disk, s
}

// tornWrite loses power at a random operation of a write: all of the batch is there afterwards, or nothing of it.
func (r *modelRun) tornWrite(t *rapid.T) {
	require.NoError(t, r.storage.Close())
	moment := 0 // of no interest before the write
	var crashed *persistence.MemFS
	watched := persistence.NewFaultFS(r.disk, func(persistence.Op, string) {
		if moment--; moment == 0 {
			crashed = r.disk.Crash(seeded(t))
		}
	})
	s, err := r.place(watched).Open(testID)
	require.NoError(t, err)
	batch, next := r.batch(t)
	if rapid.Bool().Draw(t, "the same command as last time") {
		batch, next = r.repeated()
	}
	moment = rapid.IntRange(1, 20).Draw(t, "operation of the write")
	require.NoError(t, s.Write(batch))
	if crashed == nil {
		crashed = r.disk.Crash(seeded(t))
		r.model = next // the write had returned
	}
	s, err = r.place(crashed).Open(testID)
	require.NoError(t, err)
	got := s.Recovered(0)
	if sameState(next.State, got) {
		r.model = next
	}
	require.True(t, sameState(r.model.State, got))
	r.disk, r.storage = crashed, s
}
