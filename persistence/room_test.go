package persistence_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// reserving has segments of 64 KiB and wants two of them and a half in reserve.
func reserving() persistence.Options {
	o := middling()
	o.ReserveBytes = 160 << 10
	return o
}

// fillUntilNearlyFull appends batches of 4 KiB from the index on until room runs out. It returns the last index.
func fillUntilNearlyFull(t testing.TB, s persistence.Storage, from engine.Index) engine.Index {
	t.Helper()
	last := from - 1
	for !s.NearlyFull() {
		last++
		require.NoError(t, s.Write(appended(commands(1, last, 1, 100)...)))
		require.Less(t, last, engine.Index(2000))
	}
	return last
}

// A full disk is announced before it is full. Then there is still room to go on for a while and for the switch to a
// snapshot, which frees some, again and again.
func TestNearlyFullAndBack(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, reserving())
	disk.SetCapacity(1 << 20)
	last := engine.Index(0)
	for range 4 {
		before := last
		last = fillUntilNearlyFull(t, s, last+1)
		require.Greater(t, last, before+100)
		require.Less(t, s.Metrics().Room, int64(160<<10))
		for range 15 { // more than a segment, from leaders that do not know
			last++
			require.NoError(t, s.Write(appended(commands(1, last, 1, 100)...)))
		}
		require.True(t, s.NearlyFull())
		b := &persistence.Batch{}
		b.SetSnapshot(0, persistence.SnapshotSwitch{ID: uint64(last), Position: position(1, last), Base: position(1, last), Keep: true})
		require.NoError(t, s.Write(b))
		for range 5 {
			require.NoError(t, s.Write(&persistence.Batch{}))
		}
		require.False(t, s.NearlyFull())
		require.Greater(t, s.Metrics().Room, int64(180<<10))
	}
	require.NoError(t, s.Close())
	require.Equal(t, position(1, last), requireOpens(t, disk).Base)
}

// Room that was found only just above the mark does not change the answer, nor does room only just below it.
func TestNearlyFullDoesNotFlap(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, reserving())
	allocated := int64(64<<10 - 3*4096 - 8192) // after the first batch and its proof, without the reserved tail
	look := func(room int64) bool {
		disk.SetCapacity(64<<10 + 512 + room - allocated)
		require.NoError(t, s.Write(&persistence.Batch{}))
		require.Equal(t, room, s.Metrics().Room)
		return s.NearlyFull()
	}
	const mark = 160 << 10
	require.False(t, look(2*mark))
	require.False(t, look(mark))
	require.True(t, look(mark-1))
	require.True(t, look(mark))
	require.True(t, look(mark+mark/8-1))
	require.False(t, look(mark+mark/8))
	require.False(t, look(mark))
}

// Segments that exist already are room: with enough of them the file system may be full to the last byte.
func TestRoomThatIsAllocatedCounts(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	require.Equal(t, "segment 5, spare 1, spare 2, spare 3, spare 4", l.files())
	require.NoError(t, l.storage.Close())
	l.disk.SetCapacity(1)
	for reserve, want := range map[int64]bool{64 << 10: false, 64<<10 + 1: true} {
		o := small()
		o.ReserveBytes = reserve
		s, err := persistence.NewDir(l.disk, testPath, o).Open(testID)
		require.NoError(t, err)
		require.EqualValues(t, 64<<10, s.Metrics().Room)
		require.Equal(t, want, s.NearlyFull())
		require.NoError(t, s.Close())
	}
}

// What cannot be told is not guessed, and it harms nobody.
func TestUnknownRoom(t *testing.T) {
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), nil)
	for range 20 {
		fsys.Fail(persistence.Fault{Op: persistence.OpFree, Err: errors.ErrUnsupported})
	}
	s := create(t, fsys, reserving())
	for i := range engine.Index(5) {
		require.NoError(t, s.Write(appended(commands(1, i+1, 1, 10)...)))
		require.NoError(t, s.Write(&persistence.Batch{}))
	}
	require.False(t, s.NearlyFull())
	require.Zero(t, s.Metrics().Room)
	require.NoError(t, s.Close())
}

func TestReserve(t *testing.T) {
	for _, c := range []struct {
		name         string
		reserve, has int64
		want         bool
	}{
		{"default, plenty", 0, 128<<10 + 16<<20 + 64<<10, false},
		{"default, short", 0, 128<<10 + 16<<20 - 64<<10, true},
		{"none", -1, 0, false},
		{"own", 1 << 20, 1<<20 - 64<<10, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := persistence.NewMemFS()
			o := middling()
			o.ReserveBytes = c.reserve
			require.NoError(t, create(t, disk, o).Close())
			disk.SetCapacity(64<<10 + 512 + c.has)
			s, err := persistence.NewDir(disk, testPath, o).Open(testID)
			require.NoError(t, err)
			require.Equal(t, c.want, s.NearlyFull(), "known from the start")
			require.NoError(t, s.Close())
		})
	}
}

// A log opens, proves its end and frees segments on a disk that is full to the last byte.
func TestOpeningOnAFullDisk(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.disk.SetCapacity(1)
	l.fsys = persistence.NewFaultFS(l.disk.Kill(), nil)
	l.disk = nil
	s, err := persistence.NewDir(l.fsys, testPath, small()).Open(testID)
	require.NoError(t, err)
	require.True(t, s.NearlyFull())
	requireState(t, l.want, s.Recovered(0))
	for range 4 {
		require.NoError(t, s.Write(&persistence.Batch{}))
	}
	require.Equal(t, "segment 5, spare 1, spare 2, spare 3, spare 4", filesOf(t, l.fsys))
	require.NoError(t, s.Write(appended(commands(1, 5, 4, 10)...)), "in a file that exists")
	require.NoError(t, s.Close())
}

// A batch that finds no room ends the storage. A new process recovers everything that was acknowledged, with as much
// of what was not as reached the disk.
func TestNoRoomIsFailStop(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	disk.SetCapacity(300 << 10)
	acked := engine.Index(0)
	var err error
	for err == nil {
		if err = s.Write(appended(commands(1, acked+1, 1, 5000)...)); err == nil {
			acked++
		}
	}
	require.ErrorIs(t, err, persistence.ErrPoisoned)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.True(t, s.NearlyFull())
	require.Greater(t, acked, engine.Index(20))
	require.NoError(t, s.Close())
	_, err = persistence.NewDir(disk, testPath, middling()).Open(testID)
	require.ErrorIs(t, err, persistence.ErrPoisoned)

	for seed := range uint64(10) {
		next := disk.Crash(rand.New(rand.NewPCG(seed, 1)))
		require.Len(t, requireOpens(t, next).Entries, int(acked))
		next.SetCapacity(0)
		requireGoesOn(t, next, requireOpens(t, next))
	}
}

func TestCapacityOfMemFS(t *testing.T) {
	fsys := persistence.NewMemFS()
	_, err := fsys.FreeBytes("/nowhere")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, fsys.MkdirAll("/a"))
	free := func() int64 {
		t.Helper()
		n, err := fsys.FreeBytes("/a")
		require.NoError(t, err)
		return n
	}
	require.Greater(t, free(), int64(1<<60))
	fsys.SetCapacity(1000)
	file, err := fsys.Create("/a/one")
	require.NoError(t, err)
	_, err = file.WriteAt(make([]byte, 600), 0)
	require.NoError(t, err)
	require.EqualValues(t, 400, free())
	other, err := fsys.Create("/a/other")
	require.NoError(t, err)
	n, err := other.WriteAt([]byte("0123456789"), 395)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 5, n, "as much as fits")
	require.Zero(t, free())
	_, err = other.WriteAt([]byte("x"), 400)
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = file.WriteAt(make([]byte, 600), 0)
	require.NoError(t, err, "what exists may be written again")
	fsys = fsys.Kill()
	require.Zero(t, free(), "copies are as full")
	require.NoError(t, fsys.Remove("/a/one"))
	require.EqualValues(t, 600, free())
	fsys.SetCapacity(10)
	require.Zero(t, free())
}

func TestFreeBytesOfTheSystem(t *testing.T) {
	free, err := persistence.OS().FreeBytes(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, free)
	_, err = persistence.OS().FreeBytes(t.TempDir() + "/nowhere")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A batch larger than a segment that finds no room leaves nothing behind but what it got of a freed segment: that one
// has grown, and is not kept as one of the size of segments, or the room that it took would be lost.
func TestRoomOfABatchThatFoundNoneComesBack(t *testing.T) {
	l := startFreeing(t)
	l.append(3)
	l.snapshot(4)
	l.idle(4)
	l.disk.SetCapacity(2 << 20)
	err := l.storage.Write(appended(commands(1, 5, 1, 8<<20)...))
	require.ErrorIs(t, err, syscall.ENOSPC)
	free, err := l.disk.FreeBytes(testPath)
	require.NoError(t, err)
	require.Less(t, free, int64(1<<20))

	l.disk = l.disk.Kill()
	l.storage, err = persistence.NewDir(l.disk, testPath, small()).Open(testID)
	require.NoError(t, err)
	requireState(t, l.want, l.storage.Recovered(0))
	l.idle(2)
	require.Equal(t, "segment 5, spare 2, spare 3, spare 4", l.files())
	free, err = l.disk.FreeBytes(testPath)
	require.NoError(t, err)
	require.Greater(t, free, int64(1<<20))
}
