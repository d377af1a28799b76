package persistence_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

const block = 4096

// logEnd returns the last segment and where its batches end.
func logEnd(t testing.TB, fsys persistence.FS) (name string, end int64) {
	t.Helper()
	found, err := persistence.Inspect(fsys, testPath)
	require.NoError(t, err)
	last := found.Segments[len(found.Segments)-1]
	return last.Name, last.End
}

// overwritten returns a copy of the file system in which a file's bytes from offset on are replaced.
func overwritten(t testing.TB, fsys *persistence.MemFS, name string, offset int64, data []byte) *persistence.MemFS {
	t.Helper()
	fsys = fsys.Kill()
	file, err := fsys.Open(filepath.Join(testPath, name))
	require.NoError(t, err)
	_, err = file.WriteAt(data, offset)
	require.NoError(t, err)
	require.NoError(t, file.Sync())
	require.NoError(t, file.Close())
	return fsys
}

// A crash in the middle of a batch leaves any part of it. As nothing stands behind, it was never acknowledged: the
// log ends before it, and goes on there.
func TestTornAtEveryByte(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 2, 50)...)))
	before := disk.Kill()
	name, start := logEnd(t, before)
	require.NoError(t, s.Write(appended(commands(1, 3, 1, 5000)...)))
	_, end := logEnd(t, disk)
	require.EqualValues(t, 2*block, end-start)
	whole := readFile(t, disk, name)[start:end]
	used := 64 + 16 + 16 + 16 + 5000

	want := persistence.Recovered{HardState: at(1), Entries: commands(1, 1, 2, 50)}
	for n := range used {
		torn := overwritten(t, before, name, start, whole[:n])
		found, err := persistence.Inspect(torn, testPath)
		require.NoError(t, err, "%d bytes", n)
		if last := whole[n]; last != 0 { // else the zeros of the file complete it
			requireState(t, want, found.Groups[0])
		}
		if n%251 == 0 {
			requireGoesOn(t, torn, want)
		}
	}
	for n := used; n <= len(whole); n += 97 {
		torn := overwritten(t, before, name, start, whole[:n])
		require.Len(t, requireOpens(t, torn).Entries, 3, "only padding is missing")
	}
}

// requireGoesOn opens the log, appends, and finds everything after a crash.
func requireGoesOn(t testing.TB, fsys *persistence.MemFS, want persistence.Recovered) {
	t.Helper()
	s := open(t, fsys)
	requireState(t, want, s.Recovered(0))
	more := commands(want.HardState.Term, want.Entries[len(want.Entries)-1].Index+1, 1, 9000)
	require.NoError(t, s.Write(appended(more...)))
	crashed := fsys.Crash(rand.New(rand.NewPCG(1, 1)))
	want.Entries = append(slices.Clip(want.Entries), more...)
	requireState(t, want, requireOpens(t, crashed))
}

// A batch that was torn behind a proof is lost, and the node may answer for its absence. The next batch has the same
// place and number, and often the same content but for a few sectors: torn as well, it must not complete the lost one.
func TestLostBatchStaysLost(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
	require.NoError(t, s.Write(&persistence.Batch{}))
	base := disk.Kill()
	name, start := logEnd(t, base)
	data := commands(1, 2, 1, 3000)[0].Data
	proposal := func(term engine.Term) *persistence.Batch {
		b := appended(engine.Entry{Term: term, Index: 2, Kind: engine.EntryCommand, Data: data})
		b.SetHardState(0, at(term))
		return b
	}
	require.NoError(t, s.Write(proposal(2)))
	lost := readFile(t, disk, name)[start:][:block]
	clear(lost[1024:1536]) // this sector did not reach the disk
	crashed := overwritten(t, base, name, start, lost)

	s = open(t, crashed)
	answered := s.Recovered(0)
	require.Len(t, answered.Entries, 1)
	left := readFile(t, crashed.Crash(rand.New(rand.NewPCG(1, 1))), name)[start:][:block]
	require.NoError(t, s.Write(proposal(3)))
	_, end := logEnd(t, crashed)
	next := readFile(t, crashed, name)[end-block:][:block]
	copy(left[1024:1536], next[1024:1536]) // of this one only that sector did, wherever the two meet
	requireState(t, answered, requireOpens(t, overwritten(t, base, name, start, left)))
}

// A seal whose header is intact and whose records are not stands where no room is left to write anything before it.
func TestDamagedSealInTheLastBlock(t *testing.T) {
	disk := persistence.NewMemFS()
	var beforeFirstBatch *persistence.MemFS
	fsys := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
		if op == persistence.OpWrite && filepath.Base(path) == "segment-0000000000000002.log" {
			beforeFirstBatch = disk.Kill()
		}
	})
	s := create(t, fsys, small())
	require.NoError(t, s.Write(&persistence.Batch{}))
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
	damaged := overwritten(t, beforeFirstBatch, "segment-0000000000000001.log", 3*block+64+20, []byte("damage"))
	s = open(t, damaged)
	require.NoError(t, s.Write(appended(commands(1, 1, 3, 10)...)))
	require.Len(t, requireOpens(t, damaged.Kill()).Entries, 3)
}

// A proof is found however far behind the damaged batch it stands, and whatever part of that is damaged.
func TestProofFarBehindTheDamage(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	name, start := logEnd(t, disk)
	require.NoError(t, s.Write(appended(commands(1, 1, 1, 30_000)...)))
	require.NoError(t, s.Write(&persistence.Batch{}))
	for _, at := range []int64{0, 20_000} {
		damaged := overwritten(t, disk, name, start+at, []byte("damage"))
		requireRefused(t, damaged, persistence.ErrCorrupt, name, fmt.Sprintf("offset %d", start), fmt.Sprintf("offset %d", start+8*block))
	}
}

// The same damage with one more batch behind it is a lie of the disk: a batch is first written after the sync of
// the one before it, so that one was durable.
func TestDamageBeforeTheLastBatchIsCorruption(t *testing.T) {
	for _, last := range []*persistence.Batch{appended(commands(1, 4, 1, 10)...), {}} {
		t.Run(fmt.Sprintf("followed by %d records", last.Len()), func(t *testing.T) {
			disk := persistence.NewMemFS()
			s := create(t, disk, middling())
			require.NoError(t, s.Write(appended(commands(1, 1, 2, 50)...)))
			name, start := logEnd(t, disk)
			require.NoError(t, s.Write(appended(commands(1, 3, 1, 5000)...)))
			require.NoError(t, s.Write(last))
			whole := readFile(t, disk, name)
			for n := start; n < start+64+48+5000; n += 7 {
				damaged := overwritten(t, disk, name, n, []byte{^whole[n]})
				requireRefused(t, damaged, persistence.ErrCorrupt, name, fmt.Sprintf("offset %d", start))
			}
			zeroed := overwritten(t, disk, name, start, make([]byte, 2*block))
			requireRefused(t, zeroed, persistence.ErrCorrupt, name, fmt.Sprintf("offset %d", start))
		})
	}
}

// Create returns, and the identity gets its name, only after the first batch was synced: damage to it is never torn.
func TestOldestBatchIsNeverTorn(t *testing.T) {
	disk := persistence.NewMemFS()
	create(t, disk, middling())
	damaged := overwritten(t, disk, "segment-0000000000000001.log", block+100, []byte("damage"))
	requireRefused(t, damaged, persistence.ErrCorrupt, "segment-0000000000000001.log", "offset 4096")
}

// Opening answers for what it read, so it proves the last batch: damage to it afterwards is known as damage. One that opens a
// segment holds a caller's records behind its checkpoint, and is proven like any other.
func TestRecoveredBatchIsProven(t *testing.T) {
	for want, options := range map[string]persistence.Options{
		"segment-0000000000000001.log": middling(), "segment-0000000000000002.log": small(),
	} {
		disk := persistence.NewMemFS()
		s := create(t, disk, options)
		require.NoError(t, s.Write(appended(commands(1, 1, 2, 50)...)))
		name, end := logEnd(t, disk)
		require.Equal(t, want, name)
		crashed := disk.Kill()
		open(t, crashed)
		damaged := overwritten(t, crashed.Kill(), name, end-block+100, []byte("damage"))
		requireRefused(t, damaged, persistence.ErrCorrupt, name)
	}
}

// Two histories that part after a common batch cannot be joined: each batch names the checksum of the one before.
func TestSplicedHistories(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 2, 50)...)))
	require.NoError(t, s.Close())
	name, start := logEnd(t, disk)
	continued := func(size int) *persistence.MemFS {
		fsys := disk.Kill()
		s := open(t, fsys)
		require.NoError(t, s.Write(appended(commands(1, 3, 1, size)...)))
		require.NoError(t, s.Write(appended(commands(1, 4, 1, size)...)))
		return fsys
	}
	one, other := continued(100), continued(101)
	require.Len(t, requireOpens(t, one.Kill()).Entries, 4)
	second := readFile(t, other, name)[start+block:][:block]
	requireRefused(t, overwritten(t, one, name, start+block, second), persistence.ErrCorrupt, name,
		fmt.Sprintf("offset %d", start+block))
}

// A write that was acknowledged and never made leaves what stood there before. If that was a shorter batch, what follows does
// not stand right behind it, and still proves that there was another one.
func TestLostWriteOverAShorterBatch(t *testing.T) {
	disk := persistence.NewMemFS()
	s := create(t, disk, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 2, 50)...)))
	name, start := logEnd(t, disk)
	written := func(size int) *persistence.MemFS {
		fsys := disk.Kill()
		require.NoError(t, open(t, fsys).Write(appended(commands(1, 3, 1, size)...)))
		return fsys.Kill()
	}
	shorter, longer := written(100), written(2*block)
	_, end := logEnd(t, longer)
	require.NoError(t, open(t, longer).Write(appended(commands(1, 4, 1, 100)...)))
	longer = longer.Kill()
	require.Len(t, requireOpens(t, longer.Kill()).Entries, 4)
	lost := overwritten(t, longer, name, start, readFile(t, shorter, name)[start:][:2*block])
	requireRefused(t, lost, persistence.ErrCorrupt, name, fmt.Sprintf("offset %d", end))
}

// Damage that comes with right checksums was written so, by a bug or by hand. What can be cross-checked is.
func TestContradictionsBehindRightChecksums(t *testing.T) {
	const first, third = "segment-0000000000000001.log", "segment-0000000000000003.log"
	const header, record, body = 4096, 4096 + 64, 4096 + 64 + 16
	for name, c := range map[string]struct {
		segment string
		at      int
		value   byte
		facts   []string
	}{
		"batch number":              {first, header + 16, 9, []string{"offset 4096"}},
		"first batch of a segment":  {third, 208, 99, []string{"batch 99"}},
		"segment opens with a hint": {third, record, 0x84, []string{"checkpoint"}},
		"term in a checkpoint":      {third, body, 9, []string{"checkpoint", "group 0"}},
		"vote's incarnation":        {third, body + 16, 9, []string{"checkpoint", "group 0"}},
		"count of records":          {third, header + 36, 3, []string{"2 records", "says 3"}},
		"last in a checkpoint":      {third, body + 48, 2, []string{"checkpoint", "group 0"}},
		"group of a checkpoint":     {third, record + 8, 1, []string{"checkpoint", "group 1"}},
		"base of a checkpoint":      {first, body + 32, 1, []string{"checkpoint"}},
		"index of an entry":         {third, body + 88 + 16, 9, []string{"gap", "offset 4096"}},
		"term of an entry":          {third, body + 88 + 16 + 16, 9, []string{"term", "offset 4096"}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := threeSegments(t, testID)
			data := readFile(t, disk, c.segment)
			data[c.at] = c.value
			writeFile(t, disk, c.segment, mended(data))
			requireRefused(t, disk, persistence.ErrCorrupt, append(c.facts, c.segment)...)
		})
	}
}
