package persistence_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

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
