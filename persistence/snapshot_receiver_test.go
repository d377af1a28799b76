package persistence_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// sent is a snapshot file as another node sends it.
type sent struct {
	meta engine.SnapshotMeta
	body []byte
	file []byte
}

func sentOf(t testing.TB, id uint64, size int) sent {
	t.Helper()
	s := openSnapshots(t, persistence.NewMemFS())
	body := bodyOf(id, size)
	meta := takeSnapshot(t, s, label(id, 50), body)
	return sent{meta: meta, body: body, file: fileOf(t, s, id)}
}

// withFile completes a label that was never written.
func withFile(meta engine.SnapshotMeta, file []byte) engine.SnapshotMeta {
	meta.Size = uint64(len(file))
	return meta
}

// take gives the receiver chunks up to byte to, and returns the first error.
func (s *sent) take(r *persistence.SnapshotReceiver, to uint64, chunk int) error {
	for r.Offset() < to {
		at := r.Offset()
		if err := r.Append(at, s.file[at:min(to, at+uint64(chunk))]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sent) receive(store *persistence.Snapshots, chunk int) error {
	r, err := store.Receive(s.meta)
	if err != nil {
		return err
	}
	if err := s.take(r, s.meta.Size, chunk); err != nil {
		return errors.Join(err, r.Close())
	}
	return r.Commit()
}

func TestReceive(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1000, 600 << 10} {
		s := sentOf(t, 7, size)
		for _, chunk := range []int{64 << 10, 999} {
			store := openSnapshots(t, persistence.NewMemFS())
			require.NoError(t, s.receive(store, chunk))
			requireSnapshot(t, store, s.meta, s.body)
			require.Equal(t, s.file, fileOf(t, store, 7))
		}
	}
}

// An attempt that was interrupted at any point is resumed with what is whole, and what is not comes again.
func TestReceiveResumes(t *testing.T) {
	t.Parallel()
	const block = 256<<10 + 8
	s := sentOf(t, 7, 600<<10)
	head := len(s.file) - 32 - len(s.body) - 3*8
	for _, c := range []struct{ sent, kept int }{
		{1, 0},
		{512, 0},
		{head, head},
		{head + 1, head},
		{head + block - 1, head},
		{head + block, head + block},
		{head + 2*block + 5, head + 2*block},
		{len(s.file) - 32, len(s.file) - 32},
		{len(s.file) - 1, len(s.file) - 32},
		{len(s.file), len(s.file) - 32},
	} {
		fsys := persistence.NewMemFS()
		r, err := openSnapshots(t, fsys).Receive(s.meta)
		require.NoError(t, err)
		require.NoError(t, s.take(r, uint64(c.sent), 10_000))
		require.NoError(t, r.Close())
		again := openSnapshots(t, fsys)
		r, err = again.Receive(s.meta)
		require.NoError(t, err)
		require.Equalf(t, c.kept, int(r.Offset()), "of %d sent", c.sent)
		require.NoError(t, s.take(r, s.meta.Size, 10_000))
		require.NoError(t, r.Commit())
		requireSnapshot(t, again, s.meta, s.body)
	}
}

// Bytes that are not those of the label never become a snapshot, wherever the difference is, and the next attempt
// begins anew.
func TestReceiveRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 300)
	for at := range s.file {
		wrong := sent{meta: s.meta, file: bytes.Clone(s.file)}
		wrong.file[at] ^= 0x10
		fsys := persistence.NewMemFS()
		store := openSnapshots(t, fsys)
		require.ErrorIsf(t, wrong.receive(store, 100), persistence.ErrCorrupt, "byte %d", at)
		require.Empty(t, snapshotFiles(t, fsys))
		require.NoError(t, s.receive(store, 100))
	}
	for name, change := range map[string]func(*engine.SnapshotMeta){
		"checksum":      func(m *engine.SnapshotMeta) { m.Checksum++ },
		"position":      func(m *engine.SnapshotMeta) { m.Position.Index++ },
		"term":          func(m *engine.SnapshotMeta) { m.Position.Term++ },
		"configuration": func(m *engine.SnapshotMeta) { m.ConfigurationIndex++ },
		"id":            func(m *engine.SnapshotMeta) { m.ID++ },
		"membership": func(m *engine.SnapshotMeta) {
			m.Membership = engine.Membership{Members: m.Membership.Members[:1]}
		},
	} {
		wrong := s
		change(&wrong.meta)
		store := openSnapshots(t, persistence.NewMemFS())
		require.ErrorIs(t, wrong.receive(store, 100), persistence.ErrCorrupt, name)
	}
}

func TestReceiveTakesBytesInOrder(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 300)
	fsys := persistence.NewMemFS()
	store := openSnapshots(t, fsys)
	r, err := store.Receive(s.meta)
	require.NoError(t, err)
	require.NoError(t, r.Append(0, s.file[:10]))
	require.Error(t, r.Append(0, s.file[:10]))
	require.Error(t, r.Append(11, s.file[11:20]))
	require.Error(t, r.Append(10, make([]byte, len(s.file)-9)))
	require.Equal(t, uint64(10), r.Offset())
	require.ErrorIs(t, r.Commit(), persistence.ErrCorrupt, "not all is here")
	require.ErrorIs(t, r.Append(10, s.file[10:11]), persistence.ErrClosed)
	require.ErrorIs(t, r.Commit(), persistence.ErrClosed)
	require.NoError(t, r.Close())
	require.Empty(t, snapshotFiles(t, fsys))

	r, err = store.Receive(s.meta)
	require.NoError(t, err)
	require.NoError(t, s.take(r, 200, 10))
	require.NoError(t, r.Close())
	other := sentOf(t, 8, 300)
	r, err = store.Receive(other.meta)
	require.NoError(t, err)
	require.Equal(t, []string{"receive-0000000000000008.part"}, snapshotFiles(t, fsys), "one at a time")
	r.Discard()
	require.Empty(t, snapshotFiles(t, fsys))
}

// What has come of a snapshot is of no use to another one, even if both go by one id: it begins anew.
func TestReceiveGoesOnWithTheSameSnapshotOnly(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 600<<10)
	other := openSnapshots(t, persistence.NewMemFS())
	body := bodyOf(8, 600<<10)
	meta := takeSnapshot(t, other, label(7, 51), body)
	store := openSnapshots(t, persistence.NewMemFS())
	r, err := store.Receive(s.meta)
	require.NoError(t, err)
	require.NoError(t, s.take(r, 500<<10, 64<<10))
	require.NoError(t, r.Close())

	r, err = store.Receive(meta)
	require.NoError(t, err)
	require.Zero(t, r.Offset())
	require.NoError(t, r.Append(0, fileOf(t, other, 7)))
	require.NoError(t, r.Commit())
	requireSnapshot(t, store, meta, body)
}

// What an earlier process left of a snapshot may be in memory only, after a sync that failed and nobody saw. It is part
// of what the last sync makes durable all the same.
func TestResumedBytesAreWrittenAgain(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 600<<10)
	disk := persistence.NewMemFS()
	r, err := openSnapshots(t, disk).Receive(s.meta)
	require.NoError(t, err)
	require.NoError(t, s.take(r, 500<<10, 64<<10))
	disk.FailWriteback()
	disk = disk.Kill()
	require.NoError(t, s.receive(openSnapshots(t, disk), 64<<10))
	for seed := range uint64(5) {
		requireSnapshot(t, openSnapshots(t, disk.Crash(rand.New(rand.NewPCG(seed, 1)))), s.meta, s.body)
	}
}

// A power loss at any operation of an attempt, or at several in a row, costs bytes to be sent again and nothing else.
func TestCrashAtEveryOperationOfReceiving(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 300<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for try := range 8 {
		disk := persistence.NewMemFS()
		for until := 1 + 3*try; ; until += 3 {
			crashed, err := crashedAt(disk, random, until, func(fsys persistence.FS) error {
				store, err := persistence.OpenSnapshots(fsys, snapshotsPath, 0)
				if err != nil {
					return err
				}
				return s.receive(store, 64<<10)
			})
			if crashed == nil {
				require.NoError(t, err)
				break
			}
			disk = crashed
			_, body, err := readSnapshot(openSnapshots(t, disk), 7)
			if err == nil {
				require.Equal(t, s.body, body)
			} else {
				require.ErrorIs(t, err, persistence.ErrNoSnapshot, fmt.Sprintf("try %d, operation %d", try, until))
			}
		}
		requireSnapshot(t, openSnapshots(t, disk), s.meta, s.body)
	}
}

// errPowerLoss is what every operation gives after the power has gone.
var errPowerLoss = errors.New("power loss")

// crashedAt runs work on a disk until the nth operation, and returns what a power loss there leaves; nil when the work
// needs fewer operations.
func crashedAt(disk *persistence.MemFS, random *rand.Rand, nth int, work func(persistence.FS) error) (*persistence.MemFS, error) {
	var crashed *persistence.MemFS
	ops := 0
	var fsys *persistence.FaultFS
	fsys = persistence.NewFaultFS(disk, func(persistence.Op, string) {
		if ops++; ops == nth {
			crashed = disk.Crash(random)
		}
		if ops >= nth {
			fsys.Fail(persistence.Fault{Err: errPowerLoss})
		}
	})
	err := work(fsys)
	return crashed, err
}

// A sender may say that a snapshot is shorter than what has come of it already.
func TestReceiveOfASizeThatCannotBe(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 100)
	head := len(s.file) - 32 - len(s.body) - 8
	for size := range len(s.file) {
		store := openSnapshots(t, persistence.NewMemFS())
		meta := s.meta
		meta.Size = uint64(size)
		r, err := store.Receive(meta)
		require.NoError(t, err)
		require.NoError(t, r.Append(0, s.file[:min(size, head)]))
		require.NoError(t, r.Close())
		r, err = store.Receive(meta)
		require.NoErrorf(t, err, "%d bytes", size)
		require.NoError(t, r.Append(r.Offset(), s.file[r.Offset():size]))
		require.ErrorIsf(t, r.Commit(), persistence.ErrCorrupt, "%d bytes", size)
	}
}

// A process that is killed before the directory is synced leaves a whole file whose name may yet be lost. Who finds it
// there has it for good, or does not have it.
func TestWhatIsHereIsDurable(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 1000)
	for seed := range uint64(8) {
		disk := persistence.NewMemFS()
		var killed *persistence.MemFS
		require.NoError(t, s.receive(openSnapshots(t, persistence.NewFaultFS(disk, func(op persistence.Op, _ string) {
			if op == persistence.OpSyncDir {
				killed = disk.Kill()
			}
		})), 1000))
		fsys := persistence.NewFaultFS(killed, nil)
		store := openSnapshots(t, fsys)
		fsys.Fail(persistence.Fault{Op: persistence.OpSyncDir, Err: errDisk})
		require.False(t, store.Has(s.meta))
		require.True(t, store.Has(s.meta))
		other := s.meta
		other.Checksum++
		require.False(t, store.Has(other))
		requireSnapshot(t, openSnapshots(t, killed.Crash(rand.New(rand.NewPCG(seed, 1)))), s.meta, s.body)
	}
}

// A name that could not be synced is not found again.
func TestANameThatIsNotDurableIsTakenAway(t *testing.T) {
	t.Parallel()
	s := sentOf(t, 7, 1000)
	disk := persistence.NewMemFS()
	fsys := persistence.NewFaultFS(disk, nil)
	fsys.Fail(persistence.Fault{Op: persistence.OpSyncDir, Path: "snapshots", Err: errDisk})
	store := openSnapshots(t, fsys)
	require.ErrorIs(t, s.receive(store, 1000), errDisk)
	require.False(t, store.Has(s.meta))
	require.Empty(t, snapshotFiles(t, disk))
}

// What is left of a snapshot that nobody sends any more does not take the room of the next one.
func TestPartialFilesOfOthersGoBeforeRoomIsLookedFor(t *testing.T) {
	t.Parallel()
	disk := persistence.NewMemFS()
	disk.SetCapacity(7 << 20)
	store, err := persistence.OpenSnapshots(disk, snapshotsPath, 1<<20)
	require.NoError(t, err)
	old, next := sentOf(t, 7, 4<<20), sentOf(t, 8, 4<<20)
	r, err := store.Receive(old.meta)
	require.NoError(t, err)
	require.NoError(t, old.take(r, 4<<20, 64<<10))
	require.NoError(t, r.Close())
	require.NoError(t, next.receive(store, 64<<10))
}

// A snapshot for which there is no room is refused before a byte of it is sent, and what is here of it counts.
func TestReceiveLooksForRoomFirst(t *testing.T) {
	t.Parallel()
	disk := persistence.NewMemFS()
	disk.SetCapacity(7 << 20)
	store, err := persistence.OpenSnapshots(disk, snapshotsPath, 1<<20)
	require.NoError(t, err)
	for _, size := range []uint64{6 << 20, 1 << 63, 1<<64 - 1} {
		meta := label(7, 50)
		meta.Size = size
		_, err = store.Receive(meta)
		require.ErrorIs(t, err, persistence.ErrNoRoom, "%d bytes", size)
		require.Empty(t, snapshotFiles(t, disk))
	}
	s := sentOf(t, 8, 4<<20)
	r, err := store.Receive(s.meta)
	require.NoError(t, err)
	require.NoError(t, s.take(r, 3<<20, 64<<10))
	require.NoError(t, r.Close())
	disk.SetCapacity(6<<20 + 100<<10)
	require.NoError(t, s.receive(store, 64<<10), "the rest has room")
}

// A machine that keeps the body for longer than it should gets an error.
func TestReadingAfterCloseIsAnError(t *testing.T) {
	t.Parallel()
	s := openSnapshots(t, persistence.NewMemFS())
	takeSnapshot(t, s, label(7, 50), bodyOf(7, 600<<10))
	r, err := s.Open(7)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = r.Read(make([]byte, 10))
	require.ErrorIs(t, err, fs.ErrClosed)
}
