package persistence_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

const snapshotsPath = "/data/n7/snapshots"

// label is the label of a snapshot before its file is written.
func label(id uint64, index engine.Index) engine.SnapshotMeta {
	return engine.SnapshotMeta{
		ID: id, Position: position(3, index), ConfigurationIndex: 1,
		Membership: engine.Membership{Members: []engine.Member{
			{ID: 1, Incarnation: 11, Role: engine.Voter, Address: "one:1"},
			{ID: 2, Incarnation: 22, Role: engine.Voter, Address: "two:2"},
		}},
	}
}

// bodyOf returns size bytes that depend on the seed.
func bodyOf(seed uint64, size int) []byte {
	body := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(body)
	return body
}

func openSnapshots(t testing.TB, fsys persistence.FS) *persistence.Snapshots {
	t.Helper()
	s, err := persistence.OpenSnapshots(fsys, snapshotsPath, 0)
	require.NoError(t, err)
	return s
}

// writeSnapshot writes a whole snapshot and returns the first error.
func writeSnapshot(s *persistence.Snapshots, meta engine.SnapshotMeta, body []byte) (engine.SnapshotMeta, error) {
	w, err := s.Create(meta)
	if err != nil {
		return meta, err
	}
	defer w.Abort()
	if _, err := w.Write(body); err != nil {
		return meta, err
	}
	return w.Commit()
}

func takeSnapshot(t testing.TB, s *persistence.Snapshots, meta engine.SnapshotMeta, body []byte) engine.SnapshotMeta {
	t.Helper()
	taken, err := writeSnapshot(s, meta, body)
	require.NoError(t, err)
	return taken
}

// readSnapshot returns label and body of a complete snapshot, and the first error.
func readSnapshot(s *persistence.Snapshots, id uint64) (engine.SnapshotMeta, []byte, error) {
	r, err := s.Open(id)
	if err != nil {
		return engine.SnapshotMeta{}, nil, err
	}
	body, err := io.ReadAll(r)
	return r.Meta(), body, errors.Join(err, r.Close())
}

func requireSnapshot(t testing.TB, s *persistence.Snapshots, want engine.SnapshotMeta, body []byte, facts ...any) {
	t.Helper()
	meta, got, err := readSnapshot(s, want.ID)
	require.NoError(t, err, facts...)
	require.Equal(t, want, meta, facts...)
	require.True(t, bytes.Equal(body, got), facts...)
}

func fileOf(t testing.TB, s *persistence.Snapshots, id uint64) []byte {
	t.Helper()
	r, err := s.Open(id)
	require.NoError(t, err)
	data := make([]byte, r.Size())
	_, err = r.File().ReadAt(data, 0)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return data
}

func snapshotFiles(t testing.TB, fsys persistence.FS) []string {
	t.Helper()
	names, err := fsys.List(snapshotsPath)
	require.NoError(t, err)
	return names
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	const block = 256 << 10
	fsys := persistence.NewMemFS()
	s := openSnapshots(t, fsys)
	for i, size := range []int{0, 1, 511, block - 1, block, block + 1, 3*block + 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			body := bodyOf(uint64(size), size)
			meta := takeSnapshot(t, s, label(uint64(i)+1, 50), body)
			require.Greater(t, meta.Size, uint64(size))
			require.NotZero(t, meta.Checksum)
			again := openSnapshots(t, fsys)
			requireSnapshot(t, again, meta, body)
			found, err := again.Label(meta.ID)
			require.NoError(t, err)
			require.Equal(t, meta, found)
			require.Len(t, fileOf(t, s, meta.ID), int(meta.Size))
		})
	}
	meta := takeSnapshot(t, s, label(98, 50), bodyOf(1, 1000))
	r, err := s.Open(meta.ID)
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(r, bodyOf(1, 1000)))
	require.NoError(t, r.Close())
	_, err = s.Open(99)
	require.ErrorIs(t, err, persistence.ErrNoSnapshot)
	require.ErrorContains(t, err, "snapshot-0000000000000063.snap")
	_, err = s.Create(engine.SnapshotMeta{ID: 5})
	require.ErrorIs(t, err, engine.ErrInvalidSnapshot)
}

// Complete and synced, then named, then the name durable: only then does anybody hear of a snapshot.
func TestOrderOfASnapshot(t *testing.T) {
	t.Parallel()
	var ops []string
	fsys := persistence.NewFaultFS(persistence.NewMemFS(), func(op persistence.Op, path string) {
		ops = append(ops, fmt.Sprintf("%s %s", op, filepath.Base(path)))
	})
	takeSnapshot(t, openSnapshots(t, fsys), label(7, 50), bodyOf(1, 100))
	const name = "build-0000000000000007.tmp"
	require.Equal(t, []string{
		"mkdir snapshots", "free snapshots", "create " + name,
		"write " + name, // header and membership
		"write " + name, // the only block
		"write " + name, // trailer
		"sync " + name, "close " + name, "rename " + name, "syncdir snapshots",
	}, ops)
}

// Whatever bit of a file is flipped, and wherever it is cut, nobody gets a body or a label that differs and is called
// whole.
func TestSnapshotDamageIsFound(t *testing.T) {
	t.Parallel()
	fsys := persistence.NewMemFS()
	s := openSnapshots(t, fsys)
	body := bodyOf(1, 300)
	meta := takeSnapshot(t, s, label(7, 50), body)
	whole := fileOf(t, s, 7)
	for at := range whole {
		data := bytes.Clone(whole)
		data[at] ^= 1 << (at % 8)
		_, got, err := readSnapshot(storeOf(t, 7, data), 7)
		require.Truef(t, errors.Is(err, persistence.ErrCorrupt), "byte %d: %v", at, err)
		require.ErrorContains(t, err, "snapshot-0000000000000007.snap")
		require.Truef(t, len(got) == 0, "byte %d: damaged bytes were handed out", at)
		require.Falsef(t, storeOf(t, 7, data).Has(meta), "byte %d: it counts as one that is here", at)
		_, _, err = readSnapshot(storeOf(t, 7, whole[:at]), 7)
		require.Truef(t, errors.Is(err, persistence.ErrCorrupt), "cut at %d: %v", at, err)
	}
	_, _, err := readSnapshot(storeOf(t, 7, append(bytes.Clone(whole), 0)), 7)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	_, _, err = readSnapshot(storeOf(t, 8, whole), 8)
	require.ErrorIs(t, err, persistence.ErrCorrupt, "another snapshot's file")
	requireSnapshot(t, storeOf(t, 7, whole), meta, body)
	require.True(t, storeOf(t, 7, whole).Has(meta))
}

// storeOf returns a store with one file, named as the snapshot id.
func storeOf(t testing.TB, id uint64, data []byte) *persistence.Snapshots {
	t.Helper()
	fsys := persistence.NewMemFS()
	s := openSnapshots(t, fsys)
	file, err := fsys.Create(filepath.Join(snapshotsPath, fmt.Sprintf("snapshot-%016x.snap", id)))
	require.NoError(t, err)
	_, err = file.WriteAt(data, 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return s
}

// Damage far behind the beginning names the block, and what stands before it was right.
func TestSnapshotDamageNamesTheBlock(t *testing.T) {
	t.Parallel()
	s := openSnapshots(t, persistence.NewMemFS())
	body := bodyOf(1, 600<<10)
	meta := takeSnapshot(t, s, label(7, 50), body)
	whole := fileOf(t, s, 7)
	whole[400<<10] ^= 1
	damaged := storeOf(t, 7, whole)
	found, got, err := readSnapshot(damaged, 7)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	head := int(meta.Size) - 32 - len(body) - 3*8
	require.ErrorContains(t, err, fmt.Sprintf("block at %d", head+8+256<<10))
	require.Equal(t, meta, found)
	require.Equal(t, body[:256<<10], got)
	r, err := damaged.Open(7)
	require.NoError(t, err)
	require.ErrorIs(t, r.Verify(), persistence.ErrCorrupt)
	require.NoError(t, r.Close())

	whole[400<<10] ^= 1
	const block = 8 + 256<<10
	swapped := bytes.Clone(whole) // each block is whole, but they have changed places
	copy(swapped[head:], whole[head+block:head+2*block])
	copy(swapped[head+block:], whole[head:head+block])
	_, _, err = readSnapshot(storeOf(t, 7, swapped), 7)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
}

// A file of a newer version is refused as such, and one whose version is damaged as damaged.
func TestNewerSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	s := openSnapshots(t, persistence.NewMemFS())
	takeSnapshot(t, s, label(7, 50), bodyOf(1, 10))
	data := fileOf(t, s, 7)
	binary.LittleEndian.PutUint32(data[8:], 2)
	_, err := storeOf(t, 7, data).Open(7)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	binary.LittleEndian.PutUint32(data[12:], 0)
	binary.LittleEndian.PutUint32(data[12:], crc32.Checksum(data[:512], crc32.MakeTable(crc32.Castagnoli)))
	_, err = storeOf(t, 7, data).Open(7)
	require.ErrorIs(t, err, persistence.ErrNewerFormat)
	require.NotErrorIs(t, err, persistence.ErrCorrupt)
	require.ErrorContains(t, err, "version 2")
}

func TestSweep(t *testing.T) {
	t.Parallel()
	fsys := persistence.NewMemFS()
	s := openSnapshots(t, fsys)
	for id := range uint64(4) {
		takeSnapshot(t, s, label(id+1, 50), bodyOf(id, 10))
	}
	left, err := s.Create(label(9, 60))
	require.NoError(t, err)
	_, err = left.Write(bodyOf(1, 1<<20))
	require.NoError(t, err)
	partial, err := s.Receive(engine.SnapshotMeta{ID: 10, Position: position(3, 60), ConfigurationIndex: 1, Membership: label(1, 1).Membership, Size: 1000})
	require.NoError(t, err)
	require.NoError(t, partial.Append(0, bodyOf(1, 100)))
	_, err = s.Receive(partial.Meta())
	require.ErrorIs(t, err, persistence.ErrSnapshotInUse)
	_, err = s.Create(label(9, 60))
	require.ErrorIs(t, err, persistence.ErrSnapshotInUse)
	reader, err := s.Open(2)
	require.NoError(t, err)

	open, err := s.Sweep(3)
	require.NoError(t, err)
	require.Equal(t, 3, open)
	require.Equal(t, []string{
		"build-0000000000000009.tmp", "receive-000000000000000a.part",
		"snapshot-0000000000000002.snap", "snapshot-0000000000000003.snap",
	}, snapshotFiles(t, fsys))

	require.NoError(t, reader.Close())
	require.NoError(t, partial.Close())
	_, err = left.Commit()
	require.NoError(t, err)
	open, err = s.Sweep(9, 10)
	require.NoError(t, err)
	require.Zero(t, open)
	require.Equal(t, []string{"receive-000000000000000a.part", "snapshot-0000000000000009.snap"}, snapshotFiles(t, fsys))
	ids, err := s.Partial()
	require.NoError(t, err)
	require.Equal(t, []uint64{10}, ids)
	_, err = s.Sweep()
	require.NoError(t, err)
	require.Empty(t, snapshotFiles(t, fsys))
}

// Snapshots leave the room that the log needs, and one for which there is none leaves nothing behind.
func TestSnapshotLeavesRoom(t *testing.T) {
	t.Parallel()
	fsys := persistence.NewMemFS()
	fsys.SetCapacity(8 << 20)
	s, err := persistence.OpenSnapshots(fsys, snapshotsPath, 2<<20)
	require.NoError(t, err)
	_, err = writeSnapshot(s, label(1, 50), make([]byte, 20<<20))
	require.ErrorIs(t, err, persistence.ErrNoRoom)
	require.Empty(t, snapshotFiles(t, fsys))
	takeSnapshot(t, s, label(1, 50), bodyOf(1, 3<<20))
	fsys.SetCapacity(5 << 20)
	_, err = s.Create(label(2, 60))
	require.ErrorIs(t, err, persistence.ErrNoRoom)
	_, err = s.Receive(withFile(label(2, 60), nil))
	require.ErrorIs(t, err, persistence.ErrNoRoom)
}

// bottomless swallows what is written, so that only the store's own memory counts.
type bottomless struct{ persistence.FS }

type bottomlessFile struct {
	persistence.File
	size int64
}

func (b bottomless) Create(path string) (persistence.File, error) {
	file, err := b.FS.Create(path)
	return &bottomlessFile{File: file}, err
}

func (f *bottomlessFile) WriteAt(p []byte, offset int64) (int, error) {
	f.size = max(f.size, offset+int64(len(p)))
	return len(p), nil
}

// The memory that a snapshot takes does not depend on its size.
func TestSnapshotMemoryIsFlat(t *testing.T) {
	s := openSnapshots(t, bottomless{persistence.NewMemFS()})
	piece := bodyOf(1, 100<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w, err := s.Create(label(7, 50))
	require.NoError(t, err)
	for range 1000 {
		_, err := w.Write(piece)
		require.NoError(t, err)
	}
	meta, err := w.Commit()
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Greater(t, meta.Size, uint64(100_000<<10))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// The storages of this package have a place for snapshots, and it outlives them.
func TestStoragesKeepSnapshots(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]persistence.Opener{
		"memory": persistence.NewMemory(),
		"disk":   persistence.NewDir(persistence.NewMemFS(), testPath, small()),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := place.Create(testID, at(1), nil)
			require.NoError(t, err)
			snapshots, err := s.(persistence.SnapshotKeeper).Snapshots()
			require.NoError(t, err)
			meta := takeSnapshot(t, snapshots, label(7, 50), bodyOf(1, 1000))
			require.NoError(t, s.Close())
			s, err = place.Open(testID)
			require.NoError(t, err)
			snapshots, err = s.(persistence.SnapshotKeeper).Snapshots()
			require.NoError(t, err)
			requireSnapshot(t, snapshots, meta, bodyOf(1, 1000))
			require.NoError(t, s.Close())
		})
	}
}
