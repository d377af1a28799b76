package persistence_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// goRound lets the log run through segments of 64 KiB until it is in one that was used before, full of batches of every
// kind with later ones behind them. It returns the next index.
func goRound(t testing.TB, s persistence.Storage) engine.Index {
	t.Helper()
	next := engine.Index(1)
	for i := 0; s.Metrics().Recycled < 3; i++ {
		b := appended(commands(1, next, 1, 100+i%3*2500)...)
		b.SetHardState(0, engine.HardState{Term: 1, Vote: 1, VoteIncarnation: 1})
		b.SetCommit(0, next)
		next++
		if i%5 == 4 {
			b.SetSnapshot(0, persistence.SnapshotSwitch{
				ID: uint64(next), Position: position(1, next-1), Base: position(1, next-3), Keep: true,
			})
		}
		require.NoError(t, s.Write(b))
		if i%2 == 0 {
			require.NoError(t, s.Write(&persistence.Batch{}))
		}
	}
	return next
}

// A batch is torn over what an earlier use of the file left: some of its sectors are there, and below the others are
// those of old batches of every kind, or of the block where an old one began. It is all there or not at all.
func TestTornOverStaleBatches(t *testing.T) {
	t.Parallel()
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	next := goRound(t, s)
	random := rand.New(rand.NewPCG(1, 7))
	torn := 0
	for i := range 16 {
		before := disk.Kill()
		was := requireOpens(t, disk.Kill())
		b := &persistence.Batch{}
		switch i % 4 {
		case 0:
			b.SetHardState(0, at(was.HardState.Term+1))
		case 1, 2:
			b.Append(0, commands(was.HardState.Term, next, 1, 10+i*600))
			next++
		case 3:
			b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1000 + uint64(i), Position: was.Entries[0].Position(), Base: was.Base, Keep: true})
			if was.Snapshot.Position.Index > was.Entries[0].Index {
				b.Reset()
				b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1000 + uint64(i), Position: was.Snapshot.Position, Base: was.Base, Keep: true})
			}
		}
		name, start := logEnd(t, before)
		require.NoError(t, s.Write(b))
		now := requireOpens(t, disk.Kill())
		after, end := logEnd(t, disk)
		if name != after {
			continue // into the next segment
		}
		require.False(t, sameState(was, now))
		old, whole := readFile(t, before, name)[:end], readFile(t, disk, name)[:end]
		mixed := func(keep func(sector int) bool) []byte {
			data := append([]byte(nil), whole[start:]...)
			for at := 0; at < len(data); at += 512 {
				if !keep(at / 512) {
					copy(data[at:at+512], old[int(start)+at:])
				}
			}
			return data
		}
		sectors := int(end-start) / 512
		for k := range sectors + 12 {
			chance := random.Float64()
			data := mixed(func(sector int) bool {
				if k < sectors {
					return sector != k
				}
				return random.Float64() < chance
			})
			got := requireOpens(t, overwritten(t, disk, name, start, data))
			if sameState(was, got) {
				torn++
			} else {
				requireState(t, now, got)
			}
		}
	}
	require.Greater(t, torn, 50)
}

// Old batches stand where the log ends, some with higher numbers than its own, and a seal. They are neither read nor
// proof of anything, wherever the log is cut; and what was durable is still told from what was not.
func TestStaleBatchesProveNothing(t *testing.T) {
	t.Parallel()
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	next := goRound(t, s)
	for range 4 {
		require.NoError(t, s.Write(appended(commands(1, next, 1, 100)...)))
		next++
	}
	name, end := logEnd(t, disk)
	want := requireOpens(t, disk.Kill())
	data := readFile(t, disk, name)
	stale := 0
	for at := int(end); at < len(data); at += 4096 {
		if string(data[at:at+4]) == "yggb" {
			stale++
		}
	}
	require.Greater(t, stale, 3)

	last := overwritten(t, disk, name, end-4096, data[len(data)-3*4096:][:4096])
	want.Entries = want.Entries[:len(want.Entries)-1]
	requireState(t, want, requireOpens(t, last))
	damaged := overwritten(t, disk, name, end-2*4096, data[len(data)-3*4096:][:4096])
	requireRefused(t, damaged, persistence.ErrCorrupt, name)
}

// The spares themselves may hold anything: no damage to them is noticed, and none is a reason not to start.
func TestDamagedSparesAreHarmless(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	require.NoError(t, l.storage.Close())
	random := rand.New(rand.NewPCG(1, 8))
	for range 100 {
		left := l.disk.Kill()
		for _, name := range []string{"spare-0000000000000001.tmp", "spare-0000000000000003.tmp"} {
			data := readFile(t, left, name)
			at := random.IntN(len(data))
			if random.IntN(2) == 0 {
				at = random.IntN(512)
			}
			data[at] ^= 1 << random.IntN(8)
			writeFile(t, left, name, data)
		}
		requireGoesOnAfter(t, left, l.want)
	}
}
