package persistence_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

func TestMissingDirectory(t *testing.T) {
	for name, fsys := range map[string]persistence.FS{"memory": persistence.NewMemFS(), "os": persistence.OS()} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "nothing", "here")
			place := persistence.NewDir(fsys, path, small())
			require.Equal(t, path, place.String())
			exists, err := place.Exists()
			require.NoError(t, err)
			require.False(t, exists)
			_, err = place.Open(testID)
			require.ErrorIs(t, err, persistence.ErrNoState)
			require.ErrorContains(t, err, path)
			_, err = persistence.Inspect(fsys, path)
			require.ErrorIs(t, err, persistence.ErrNoState)
			_, err = fsys.List(path)
			require.ErrorIs(t, err, fs.ErrNotExist, "looking makes nothing")
		})
	}
}

// A version is told from damage by the checksum, which stands at the same place in every version.
func TestNewerFormatIsRefusedByItsVersion(t *testing.T) {
	for _, name := range []string{"identity", "segment-0000000000000002.log"} {
		t.Run(name, func(t *testing.T) {
			disk := threeSegments(t, testID)
			data := readFile(t, disk, name)
			data[8] = 2
			clear(data[12:16])
			binary.LittleEndian.PutUint32(data[12:], crc32.Checksum(data[:512], crc32.MakeTable(crc32.Castagnoli)))
			writeFile(t, disk, name, data)
			requireRefused(t, disk, persistence.ErrNewerFormat, name, "version 2")
			_, err := persistence.Inspect(disk, testPath)
			require.NotErrorIs(t, err, persistence.ErrCorrupt)

			data[8] = 3 // without a new checksum: damage
			writeFile(t, disk, name, data)
			requireRefused(t, disk, persistence.ErrCorrupt, name)
		})
	}
}

func TestForeignDirectory(t *testing.T) {
	disk := threeSegments(t, testID)
	for _, other := range []func(*persistence.Identity){
		func(id *persistence.Identity) { id.Node = 9 },
		func(id *persistence.Identity) { id.Cluster.Name = "other" },
		func(id *persistence.Identity) { id.Cluster.Founders[3] = 3 },
	} {
		want := testID
		other(&want)
		_, err := persistence.NewDir(disk, testPath, small()).Open(want)
		require.ErrorIs(t, err, persistence.ErrForeign)
		for _, fact := range []string{"n7", "000000000000feed", testID.Cluster.String(), want.Node.String(), want.Cluster.String(), testPath} {
			require.ErrorContains(t, err, fact)
		}
	}
	// A stranger's log is not judged: whose it is comes first.
	zeroed("segment-0000000000000001.log", 0, 65536)(t, disk)
	stranger := testID
	stranger.Node = 9
	_, err := persistence.NewDir(disk, testPath, small()).Open(stranger)
	require.ErrorIs(t, err, persistence.ErrForeign)
}

func TestLockedDirectory(t *testing.T) {
	disk := persistence.NewMemFS()
	for name, c := range map[string]struct {
		fsys persistence.FS
		path string
	}{"memory": {disk, testPath}, "os": {persistence.OS(), t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s, err := persistence.NewDir(c.fsys, c.path, small()).Create(testID, at(1), nil)
			require.NoError(t, err)
			for range 2 {
				other := persistence.NewDir(c.fsys, c.path, small()) // another opener, the same place
				_, err = other.Open(testID)
				require.ErrorIs(t, err, persistence.ErrLocked)
				require.ErrorContains(t, err, c.path)
				_, err = other.Create(testID, at(1), nil)
				require.ErrorIs(t, err, persistence.ErrLocked)
				_, err = persistence.Inspect(c.fsys, c.path)
				require.NoError(t, err, "looking needs no lock")
			}
			require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
			require.NoError(t, s.Close())
			s, err = persistence.NewDir(c.fsys, c.path, small()).Open(testID)
			require.NoError(t, err)
			require.NoError(t, s.Close())
		})
	}
}

// A failed opening releases the lock.
func TestRefusedOpeningUnlocks(t *testing.T) {
	disk := threeSegments(t, testID)
	name, data := "segment-0000000000000001.log", readFile(t, disk, "segment-0000000000000001.log")
	zeroed(name, 0, 512)(t, disk)
	requireRefused(t, disk, persistence.ErrCorrupt)
	writeFile(t, disk, name, data)
	require.Len(t, requireOpens(t, disk).Entries, 5)
}

// The directory itself may be what a killed process made and did not sync.
func TestOpeningSyncsTheParents(t *testing.T) {
	disk := threeSegments(t, testID)
	made := 0
	requireOpens(t, persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		if op == persistence.OpMkdirAll && path == testPath {
			made++
		}
	}))
	require.Equal(t, 1, made)
}

func TestLeftoversAreSwept(t *testing.T) {
	disk := threeSegments(t, testID)
	writeFile(t, disk, "identity.tmp", []byte("half"))
	writeFile(t, disk, "spare.tmp", make([]byte, 5000))
	writeFile(t, disk, "notes.txt", []byte("a file of somebody else"))
	require.Len(t, requireOpens(t, disk).Entries, 5)
	names, err := disk.List(testPath)
	require.NoError(t, err)
	require.Equal(t, []string{
		"identity", "lock", "notes.txt",
		"segment-0000000000000001.log", "segment-0000000000000002.log", "segment-0000000000000003.log",
	}, names)
}

// What fails before the state exists may be tried again, in the same process, and leaves nothing that counts.
func TestCreateMayBeTriedAgain(t *testing.T) {
	full := errors.New("no space left")
	for _, fault := range []persistence.Fault{
		{Op: persistence.OpMkdirAll},
		{Op: persistence.OpCreate, Path: "founding.tmp"},
		{Op: persistence.OpWrite, Path: "founding.tmp", Short: 4096},
		{Op: persistence.OpWrite, Path: "founding.tmp", After: 2, Short: 100},
		{Op: persistence.OpSync, Path: "founding.tmp"},
		{Op: persistence.OpCreate, Path: "identity.tmp"},
		{Op: persistence.OpWrite, Path: "identity.tmp", Short: 100},
		{Op: persistence.OpSync, Path: "identity.tmp"},
	} {
		t.Run(string(fault.Op)+" "+fault.Path, func(t *testing.T) {
			fsys := persistence.NewFaultFS(persistence.NewMemFS(), nil)
			fault.Err = full
			fsys.Fail(fault)
			place := persistence.NewDir(fsys, testPath, small())
			_, err := place.Create(testID, at(1), commands(1, 1, 1, 1))
			require.ErrorIs(t, err, full)
			exists, err := place.Exists()
			require.NoError(t, err)
			require.False(t, exists)
			s, err := place.Create(testID, at(2), nil)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.Equal(t, persistence.Recovered{HardState: at(2)}, requireOpens(t, fsys))
		})
	}
}

func TestOptions(t *testing.T) {
	for size, want := range map[int64]int64{1: 16 << 10, 16<<10 + 1: 20 << 10, 1 << 20: 1 << 20} {
		disk := persistence.NewMemFS()
		s := create(t, disk, persistence.Options{SegmentSize: size})
		require.NoError(t, s.Close())
		found, err := persistence.Inspect(disk, testPath)
		require.NoError(t, err)
		require.Equal(t, want, found.Segments[0].Size)
		require.NotZero(t, found.Segments[0].UseID, "drawn from the system's source")
	}
}

// Where nothing but spares is left of a directory, a new node is made, and they are swept.
func TestCreateSweepsSpares(t *testing.T) {
	disk := persistence.NewMemFS()
	require.NoError(t, disk.MkdirAll(testPath))
	writeFile(t, disk, "spare-0000000000000002.tmp", []byte("old"))
	require.NoError(t, create(t, disk, small()).Close())
	require.NotContains(t, contents(t, disk), "spare-0000000000000002.tmp")
}

// What was recovered is given away: the log keeps none of it, or it would stay in memory long after a snapshot replaced it.
func TestRecoveredEntriesAreNotKept(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 3, 50)...)))
	require.NoError(t, s.Close())
	s = open(t, disk)
	entries := s.Recovered(0).Entries
	require.Len(t, entries, 3)
	entry, data := weak.Make(&entries[0]), weak.Make(&entries[0].Data[0])
	runtime.GC()
	require.NotNil(t, entry.Value())
	runtime.KeepAlive(entries)
	entries = nil
	runtime.GC()
	require.Nil(t, entry.Value())
	require.Nil(t, data.Value())
	require.NoError(t, s.Close())
}
