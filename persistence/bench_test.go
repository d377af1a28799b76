package persistence_test

import (
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// BenchmarkAppend compares one durable append with the bare minimum: the same bytes written and synced on a
// pre-zeroed file. Both are measured in turns, and the medians and their ratio reported, because disks are moody.
// The command of 3,984 bytes makes a batch of one block; the one of 4,096 makes two.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{16, 3984, 4096} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := benchStorage(b)
			bare := newBareFile(b)
			batch, entries := benchBatch(1, size)
			same := make([]byte, (size+112+4095)&^4095)
			var ours, floor []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				entries[0].Index++
				if len(ours)%2 == 0 { // neither always goes first
					ours = append(ours, timed(func() { require.NoError(b, s.Write(batch)) }))
					floor = append(floor, timed(func() { bare.append(b, same) }))
				} else {
					floor = append(floor, timed(func() { bare.append(b, same) }))
					ours = append(ours, timed(func() { require.NoError(b, s.Write(batch)) }))
				}
			}
			b.ReportMetric(float64(median(ours).Microseconds()), "p50-µs")
			b.ReportMetric(float64(median(floor).Microseconds()), "bare-p50-µs")
			b.ReportMetric(float64(median(ours))/float64(median(floor)), "ratio")
		})
	}
}

// BenchmarkAppend64 makes 64 commands of 128 bytes durable with one sync.
func BenchmarkAppend64(b *testing.B) {
	s := benchStorage(b)
	batch, entries := benchBatch(64, 128)
	b.ReportAllocs()
	for b.Loop() {
		for i := range entries {
			entries[i].Index += 64
		}
		require.NoError(b, s.Write(batch))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/entry")
}

// BenchmarkEncode is an append without the disk: what the code itself costs.
func BenchmarkEncode(b *testing.B) {
	for _, count := range []int{1, 64} {
		b.Run(strconv.Itoa(count), func(b *testing.B) {
			s, err := persistence.NewDir(blackHole{persistence.NewMemFS()}, "/n1", persistence.Options{SegmentSize: 512 << 20}).
				Create(benchIdentity, engine.HardState{Term: 1}, nil)
			require.NoError(b, err)
			batch, entries := benchBatch(count, 128)
			for i := range entries {
				entries[i].Index = engine.Index(i) + 1
			}
			require.NoError(b, s.Write(batch))
			b.ReportAllocs()
			for b.Loop() {
				for i := range entries {
					entries[i].Index += engine.Index(count)
				}
				if err := s.Write(batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReopen opens a log of a million commands of 128 bytes, and compares with reading and checksumming the
// same files. Both run with the files in the page cache.
func BenchmarkReopen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "n1")
	place := persistence.NewDir(persistence.OS(), dir, persistence.Options{})
	s, err := place.Create(benchIdentity, engine.HardState{Term: 1}, nil)
	require.NoError(b, err)
	const perBatch = 1000
	batch, entries := benchBatch(perBatch, 128)
	for i := range entries {
		entries[i].Index = engine.Index(i) + 1
	}
	for range 1_000_000 / perBatch {
		require.NoError(b, s.Write(batch))
		for i := range entries {
			entries[i].Index += perBatch
		}
	}
	require.NoError(b, s.Close())
	var ours, floor []time.Duration
	for b.Loop() {
		start := time.Now()
		s, err := place.Open(benchIdentity)
		require.NoError(b, err)
		require.Len(b, s.Recovered(0).Entries, 1_000_000)
		middle := time.Now()
		readAndChecksum(b, dir)
		ours, floor = append(ours, middle.Sub(start)), append(floor, time.Since(middle))
		require.NoError(b, s.Close())
	}
	b.ReportMetric(float64(median(ours).Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(median(floor).Microseconds())/1000, "bare-p50-ms")
	b.ReportMetric(float64(median(ours))/float64(median(floor)), "ratio")
}

func readAndChecksum(b *testing.B, dir string) {
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	require.NoError(b, err)
	table := crc32.MakeTable(crc32.Castagnoli)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(b, err)
		require.NotZero(b, crc32.Checksum(data, table))
	}
}

var benchIdentity = persistence.Identity{Cluster: engine.ClusterID{Name: "bench"}, Node: 1, Incarnation: 1}

func benchStorage(b *testing.B) persistence.Storage {
	place := persistence.NewDir(persistence.OS(), filepath.Join(b.TempDir(), "n1"), persistence.Options{})
	s, err := place.Create(benchIdentity, engine.HardState{Term: 1}, nil)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

// benchBatch returns a batch of one record with count commands, and its entries, whose indexes the caller moves on
// before each write.
func benchBatch(count, size int) (*persistence.Batch, []engine.Entry) {
	entries := make([]engine.Entry, count)
	for i := range entries {
		entries[i] = engine.Entry{
			Term: 1, Index: engine.Index(i+1) - engine.Index(count), Kind: engine.EntryCommand, Data: make([]byte, size),
		}
	}
	batch := &persistence.Batch{}
	batch.Append(0, entries)
	return batch, entries
}

// bareFile is a pre-zeroed file that is written from front to back, over and over.
type bareFile struct {
	file   persistence.File
	offset int64
}

func newBareFile(b *testing.B) *bareFile {
	file, err := persistence.OS().Create(filepath.Join(b.TempDir(), "bare"))
	require.NoError(b, err)
	for at := int64(0); at < persistence.DefaultSegmentSize; at += 1 << 20 { // in the steps that segments are made in
		_, err = file.WriteAt(make([]byte, 1<<20), at)
		require.NoError(b, err)
		require.NoError(b, file.Sync())
	}
	b.Cleanup(func() { require.NoError(b, file.Close()) })
	return &bareFile{file: file}
}

func (f *bareFile) append(b *testing.B, data []byte) {
	_, err := f.file.WriteAt(data, f.offset)
	require.NoError(b, err)
	require.NoError(b, f.file.Sync())
	f.offset = (f.offset + int64(len(data))) % (persistence.DefaultSegmentSize - 8192)
}

func timed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// blackHole is a file system whose files forget what is written.
type blackHole struct{ *persistence.MemFS }

func (h blackHole) Create(path string) (persistence.File, error) {
	file, err := h.MemFS.Create(path)
	return holeFile{file}, err
}

func (h blackHole) Open(path string) (persistence.File, error) {
	file, err := h.MemFS.Open(path)
	return holeFile{file}, err
}

type holeFile struct{ persistence.File }

func (holeFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (holeFile) Sync() error                            { return nil }

// A snapshot of 256 MiB on the operating system's file system, written and synced, and read back verified.
func BenchmarkSnapshot(b *testing.B) {
	const size = 256 << 20
	piece := make([]byte, 64<<10)
	s, err := persistence.OpenSnapshots(persistence.OS(), b.TempDir(), 0)
	require.NoError(b, err)
	write := func(id uint64) {
		w, err := s.Create(label(id, 50))
		require.NoError(b, err)
		for range size / len(piece) {
			_, err := w.Write(piece)
			require.NoError(b, err)
		}
		_, err = w.Commit()
		require.NoError(b, err)
		_, err = s.Sweep(id)
		require.NoError(b, err)
	}
	write(1)
	b.Run("write", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for id := uint64(1); b.Loop(); id++ {
			write(id)
		}
	})
	b.Run("read", func(b *testing.B) {
		write(1)
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			r, err := s.Open(1)
			require.NoError(b, err)
			require.NoError(b, r.Verify())
			require.NoError(b, r.Close())
		}
	})
}
