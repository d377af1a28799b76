package persistence_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// FuzzRecover reads a directory in which one segment is anything at all. It never panics, never allocates beyond
// reason, answers with one of the errors it promises, and what it does accept can be opened, written to and read
// again. With mend set the checksums are made right first, so that the decoders behind them see the damage.
func FuzzRecover(f *testing.F) {
	disk := persistence.NewMemFS()
	goldenHistory(f, disk)
	freed := persistence.NewMemFS()
	goldenFreed(f, freed)
	names := segments(f, disk)
	for _, from := range []*persistence.MemFS{disk, freed} {
		for i, name := range segments(f, from) {
			whole := readFile(f, from, name)
			f.Add(uint8(i), false, whole)
			f.Add(uint8(i), true, whole[:4096+200])
			f.Add(uint8(i), true, whole)
		}
	}
	f.Add(uint8(0), false, []byte{})
	f.Fuzz(func(t *testing.T, which uint8, mend bool, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		if mend {
			data = mended(data)
		}
		fsys := disk.Kill()
		writeFile(t, fsys, names[int(which)%len(names)], data)
		found, err := persistence.Inspect(fsys, testPath)
		if err != nil {
			requireVerdict(t, err)
			return
		}
		requireState(t, found.Groups[0], requireOpens(t, fsys))
		requireState(t, found.Groups[0], requireOpens(t, fsys))
	})
}

// FuzzDirectory reads a directory in which every file is anything at all. The input is a list of steps, each of which puts
// one file into the directory, made from one of a golden directory: see [fuzzStep]. Recovery never panics, loops or takes
// memory without bound; what it accepts is consistent, is the same at each opening, and goes on.
func FuzzDirectory(f *testing.F) {
	var sources [][]byte
	for _, golden := range []string{goldenPath, goldenPath + "-freed"} {
		files := goldenFiles(f, golden)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			sources = append(sources, files[name])
		}
	}
	for _, input := range fuzzSeeds {
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		files := fuzzDirectory(input, sources)
		found, err := inspectWithin(t, 32<<20, files)
		if err != nil {
			requireVerdict(t, err)
			return
		}
		for _, state := range found.Groups {
			requireConsistent(t, state)
		}
		disk := files.thawed(t)
		requireState(t, found.Groups[0], requireOpens(t, disk))
		again, err := persistence.Inspect(disk, testPath)
		require.NoError(t, err)
		require.True(t, sameGroups(found.Groups, again.Groups), "another opening, another state")
		requireTakesMore(t, disk, found.Groups[0])
	})
}

// fuzzSeeds are the golden directories themselves, one with a gap, one with a segment twice, an interrupted Create, and
// headers and records with other values.
var fuzzSeeds = [][]byte{
	{0, 1, 0, 0, 1, 2, 0, 0, 2, 3, 0, 0},
	{6, 4, 0, 0, 2, 5, 0, 0, 3, 6, 0, 0, 4, 7, 0, 0, 10, 8, 0, 0},
	{0, 1, 0, 0, 2, 3, 0, 0},
	{0, 1, 0, 0, 1, 1, 0, 0, 2, 3, 0, 0},
	{8, 1, 0, 0},
	{0, 1, 0, 0, 1, 2, 0, 0, 5, 3, 0, 0, 12, 8, 0, 0},
	{0, 1, 0, 0, 1, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 127, 2, 3, 0, 0},
	{0, 1, 9, 4, 255, 255, 255, 255, 1, 2, 0, 0, 2, 3, 0, 0},
	{0, 1, 10, 1, 0x84, 1, 2, 0, 0, 2, 3, 0, 0},
	{0, 1, 4, 8, 255, 255, 255, 255, 255, 255, 255, 255},
	{0, 1, 6, 8, 254, 255, 255, 255, 255, 255, 255, 255},
	{0, 1, 0x30 | 8, 3, 1, 2, 3, 1, 2, 0, 0, 2, 3, 0, 0},
}

// A step of an input for FuzzDirectory has four bytes and a patch:
//
//	name | source | where | length | patch, length bytes
//
// The lower half of where is the offset of the patch in units that name places worth hitting, the upper half says what else
// happens: whether the file is cut behind the patch, and whether the checksums are made right.
const fuzzStep = 4

var fuzzNames = []string{
	"segment-0000000000000001.log", "segment-0000000000000002.log", "segment-0000000000000003.log",
	"segment-0000000000000004.log", "segment-0000000000000005.log", "segment-ffffffffffffffff.log",
	"identity", "identity.tmp", "founding.tmp", "spare.tmp",
	"spare-0000000000000002.tmp", "spare-0000000000000004.tmp", "spare-fffffffffffffffe.tmp", "lock", "notes.txt",
}

// fuzzPlaces are offsets in a segment: of header fields, of the first batch and its records, and of later blocks.
var fuzzPlaces = []int{0, 8, 16, 52, 192, 200, 208, 216, 4096, 4120, 4160, 4176, 8192, 8256, 12288, 12352}

func fuzzDirectory(input []byte, sources [][]byte) readOnlyFS {
	files := readOnlyFS{"identity": slices.Clone(sources[0])}
	for len(input) >= fuzzStep {
		name, source, where := fuzzNames[int(input[0])%len(fuzzNames)], sources[int(input[1])%len(sources)], input[2]
		patch := input[fuzzStep:][:min(int(input[3]), len(input)-fuzzStep)]
		input = input[fuzzStep+len(patch):]
		data, at := slices.Clone(source), fuzzPlaces[where%16]
		if at < len(data) {
			at += copy(data[at:], patch)
		}
		if where&0x10 != 0 {
			data = data[:min(at, len(data))]
		}
		if where&0x20 == 0 {
			data = mended(data)
		}
		files[name] = data
	}
	return files
}

// inspectWithin allocates no more than limit bytes, or the test fails.
func inspectWithin(t *testing.T, limit uint64, files readOnlyFS) (persistence.Inspection, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found, err := persistence.Inspect(files, testPath)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, limit)
	return found, err
}

// requireConsistent holds what an engine relies on in any state that it is given.
func requireConsistent(t *testing.T, s persistence.Recovered) {
	last := s.Base
	for _, e := range s.Entries {
		require.Equal(t, last.Index+1, e.Index)
		require.GreaterOrEqual(t, e.Term, last.Term)
		last = e.Position()
	}
	require.LessOrEqual(t, last.Term, s.HardState.Term)
	require.LessOrEqual(t, s.Base.Index, s.Commit)
	require.LessOrEqual(t, s.Commit, last.Index)
	require.LessOrEqual(t, s.Base.Index, s.Snapshot.Position.Index)
	require.LessOrEqual(t, s.Snapshot.Position.Index, s.Commit)
}

// requireTakesMore writes behind what was recovered, into a next segment too, and finds it again.
func requireTakesMore(t *testing.T, disk *persistence.MemFS, state persistence.Recovered) {
	last := state.Base.Index + engine.Index(len(state.Entries))
	if last > math.MaxUint64-10 || state.HardState.Term == math.MaxUint64 {
		return
	}
	state.HardState = at(state.HardState.Term + 1)
	s, err := persistence.NewDir(disk, testPath, small()).Open(testID)
	require.NoError(t, err)
	s.Recovered(0)
	for i := range engine.Index(4) { // each in a segment of its own
		more := commands(state.HardState.Term, last+1+i, 1, 5000)
		b := appended(more...)
		b.SetHardState(0, state.HardState)
		require.NoError(t, s.Write(b))
		state.Entries = append(state.Entries, more...)
	}
	requireState(t, state, requireOpens(t, disk.Crash(fixedRandom(1))))
}

func requireVerdict(t *testing.T, err error) {
	for _, verdict := range []error{persistence.ErrCorrupt, persistence.ErrForeign, persistence.ErrNewerFormat} {
		if errors.Is(err, verdict) {
			return
		}
	}
	require.NoError(t, err)
}

// mended returns a copy with the checksums of the segment header and of every batch header put right.
func mended(data []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	data = append([]byte(nil), data...)
	if len(data) >= 512 {
		clear(data[12:16])
		binary.LittleEndian.PutUint32(data[12:], crc32.Checksum(data[:512], table))
	}
	previous, chained := uint32(0), false
	for at := 4096; at+64 <= len(data); at += 4096 {
		h := data[at:]
		if string(h[:4]) != "yggb" {
			continue
		}
		if chained {
			binary.LittleEndian.PutUint32(h[32:], previous)
		}
		if length := binary.LittleEndian.Uint32(h[24:]); int64(length) <= int64(len(h)-64) {
			binary.LittleEndian.PutUint32(h[28:], crc32.Checksum(h[64:64+length], table))
		}
		previous, chained = crc32.Checksum(h[8:64], table), true
		binary.LittleEndian.PutUint32(h[4:], previous)
	}
	return data
}

// Whatever stands in a snapshot file, opening and reading it answers, and what it calls whole is what was written.
func FuzzSnapshotFile(f *testing.F) {
	s := openSnapshots(f, persistence.NewMemFS())
	body := bodyOf(7, 2000)
	meta := takeSnapshot(f, s, label(7, 50), body)
	whole := fileOf(f, s, 7)
	f.Add(whole)
	f.Add(whole[:700])
	f.Add([]byte("yggr-snp"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, read, err := readSnapshot(storeOf(t, 7, data), 7)
		if err != nil {
			if !errors.Is(err, persistence.ErrCorrupt) && !errors.Is(err, persistence.ErrNewerFormat) {
				t.Fatal(err)
			}
			return
		}
		if got.ID != 7 || got.Checksum == meta.Checksum && string(read) != string(body) {
			t.Fatalf("%v of %d bytes", got, len(read))
		}
	})
}
