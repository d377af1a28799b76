package persistence_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// damageBits is how many bits of each byte TestDamageToEveryByte flips. With one, which is drawn at random, bytes that must
// not matter are damaged 64 at a time, to be quick; with more each of them by itself.
var damageBits = flag.Int("damage.bits", 1, "bits of each byte that are flipped, 1 to 8")

// A directory of at most 64 KiB is damaged at every byte. Each byte has its verdict beforehand:
//
//   - what a header covers, or the checksum of a batch: detected, with the file and where in it
//   - the very last batch of a crashed node: cut, because it could as well be a torn write
//   - what closing wrote behind the last batch: nothing is missed, it only proves that batch
//   - anything else is unused: what lies behind the log and between batches, and the spares
//
// Nothing is ever changed silently, and after a shutdown in good order no damage cuts the log.
func TestDamageToEveryByte(t *testing.T) {
	for name, write := range map[string]func(testing.TB, *persistence.MemFS) damageable{
		"three segments":    writeSegments,
		"behind a snapshot": writeBehindSnapshot,
	} {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", name, closed), func(t *testing.T) {
				t.Parallel()
				disk := persistence.NewMemFS()
				d := write(t, disk)
				if closed {
					require.NoError(t, d.storage.Close())
				}
				d.files, d.closed = frozen(t, disk), closed
				d.requireVerdicts(t)
			})
		}
	}
}

// damageable is a directory with what may be read from it.
type damageable struct {
	storage persistence.Storage
	now     map[persistence.Group]persistence.Recovered
	before  map[persistence.Group]persistence.Recovered // the last batch

	files  readOnlyFS
	closed bool
}

// writeSegments runs a log through three segments, with a vote, entries that replace others, and two groups.
func writeSegments(t testing.TB, disk *persistence.MemFS) damageable {
	s, err := persistence.NewDir(disk, testPath, small()).Create(testID, at(1), commands(1, 1, 1, 300))
	require.NoError(t, err)
	b := appended(commands(1, 2, 3, 300)...)
	b.SetHardState(9, at(5))
	require.NoError(t, s.Write(b))
	b = &persistence.Batch{}
	b.SetHardState(0, votedFor7)
	b.Append(0, commands(3, 3, 2, 200))
	b.SetCommit(0, 1)
	require.NoError(t, s.Write(b))
	require.Equal(t, "segment 1, segment 2, segment 3", filesOf(t, disk))
	entries := append(commands(1, 1, 2, 300), commands(3, 3, 2, 200)...)
	second := persistence.Recovered{HardState: at(5)}
	return damageable{
		storage: s,
		now: map[persistence.Group]persistence.Recovered{
			0: {HardState: votedFor7, Entries: entries, Commit: 1}, 9: second,
		},
		before: map[persistence.Group]persistence.Recovered{
			0: {HardState: at(1), Entries: commands(1, 1, 4, 300)}, 9: second,
		},
	}
}

// writeBehindSnapshot has two segments behind a switch, the second of them in the file of a freed one, and a spare.
func writeBehindSnapshot(t testing.TB, disk *persistence.MemFS) damageable {
	s, err := persistence.NewDir(disk, testPath, small()).Create(testID, at(1), commands(1, 1, 2, 1000))
	require.NoError(t, err)
	require.NoError(t, s.Write(appended(commands(1, 3, 2, 1000)...)))
	b := &persistence.Batch{}
	b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 5, Position: position(1, 4), Base: position(1, 4), Keep: true})
	b.Append(0, commands(1, 5, 3, 400))
	require.NoError(t, s.Write(b))
	for range 2 {
		require.NoError(t, s.Write(&persistence.Batch{}))
	}
	b = &persistence.Batch{}
	b.SetHardState(0, votedFor7)
	b.Append(0, commands(3, 7, 2, 300))
	b.SetCommit(0, 5)
	require.NoError(t, s.Write(b))
	require.EqualValues(t, 1, s.Metrics().Recycled)
	require.Contains(t, filesOf(t, disk), "spare")
	snapshot := persistence.SnapshotName{ID: 5, Position: position(1, 4)}
	entries := append(commands(1, 5, 2, 400), commands(3, 7, 2, 300)...)
	return damageable{
		storage: s,
		now: map[persistence.Group]persistence.Recovered{
			0: {HardState: votedFor7, Base: position(1, 4), Entries: entries, Commit: 5, Snapshot: snapshot},
		},
		before: map[persistence.Group]persistence.Recovered{
			0: {HardState: at(1), Base: position(1, 4), Entries: commands(1, 5, 3, 400), Commit: 4, Snapshot: snapshot},
		},
	}
}

// part is a piece of a file whose bytes share a verdict.
type part struct {
	from, to int // offsets of bytes
	verdict  string
	place    string // how an error names it
}

const (
	detected  = "detected"
	cut       = "cut, as the very last batch of a crashed node"
	proofOnly = "proof only"
	unused    = "unused"
)

// used tells, from the bytes alone, what parts of a file are used, and for what.
func (d *damageable) used(name string, last bool) []part {
	data := d.files[name]
	switch {
	case name == "identity":
		return []part{{0, 512, detected, "/data/n7/identity"}}
	case name[:5] == "spare":
		return nil
	}
	parts := []part{{0, 512, detected, "segment " + name + ", offset 0"}}
	for at := block; at < len(data); at += block {
		h := data[at:]
		if string(h[:4]) == "yggb" && bytes.Equal(h[8:16], data[200:208]) {
			to := at + 64 + int(binary.LittleEndian.Uint32(h[24:]))
			parts = append(parts, part{at, to, detected, fmt.Sprintf("segment %s, offset %d", name, at)})
		}
	}
	if end := &parts[len(parts)-1]; last && d.closed {
		end.verdict = proofOnly
	} else if last {
		end.verdict = cut
	}
	return parts
}

// parts adds what is unused.
func (d *damageable) parts(name string, last bool) []part {
	var all []part
	end := 0
	for _, p := range append(d.used(name, last), part{from: len(d.files[name]), to: len(d.files[name])}) {
		all = append(all, part{from: end, to: p.from, verdict: unused}, p)
		end = p.to
	}
	return slices.DeleteFunc(all, func(p part) bool { return p.from == p.to })
}

// requireVerdicts damages each byte and holds what comes of it to the verdict that it must have.
func (d *damageable) requireVerdicts(t *testing.T) {
	d.requireIntact(t)
	total, counts := 0, map[string]int{}
	newest := newestSegment(t, d.files)
	for name, data := range d.files {
		total += len(data)
		for _, p := range d.parts(name, name == newest) {
			d.damage(t, name, p)
			counts[p.verdict] += p.to - p.from
		}
	}
	d.requireIntact(t)
	t.Logf("%d bytes, %d bits of each: %v", total, *damageBits, counts)
	require.LessOrEqual(t, total, 64<<10)
	require.Equal(t, total, counts[detected]+counts[unused]+counts[proofOnly]+counts[cut])
	require.Greater(t, counts[detected], 3000)
	require.Positive(t, counts[unused])
	require.Equal(t, d.closed, counts[proofOnly] > 0)
	require.Equal(t, !d.closed, counts[cut] > 0)
}

// damage flips the bits of one part, and goes on behind the damage once where there is a log to go on with.
func (d *damageable) damage(t *testing.T, name string, p part) {
	random := rand.New(rand.NewPCG(uint64(p.from), 4))
	data, step := d.files[name], 1
	if p.verdict == unused && *damageBits == 1 {
		step = 64
	}
	for at := p.from; at < p.to; at += step {
		together := data[at:min(at+step, p.to)]
		for _, bit := range random.Perm(8)[:*damageBits] {
			flipBit(together, bit)
			if problem := d.judge(p); problem != "" {
				require.Failf(t, problem, "%s, byte %d, bit %d: expected %+v", name, at, bit, p)
			}
			flipBit(together, bit)
		}
	}
	if p.verdict != detected {
		middle := data[(p.from+p.to)/2:][:1]
		flipBit(middle, 0)
		d.requireGoesOn(t, p.verdict)
		flipBit(middle, 0)
	}
}

func flipBit(data []byte, bit int) {
	for i := range data {
		data[i] ^= 1 << bit
	}
}

// judge reads the damaged directory and says what is wrong with what it finds, if anything is.
func (d *damageable) judge(expected part) string {
	found, err := persistence.Inspect(d.files, testPath)
	switch {
	case expected.verdict == detected:
		return misreported(err, expected.place)
	case err != nil:
		return fmt.Sprintf("refused: %v", err)
	case found.Identity != testID:
		return "the identity changed"
	case expected.verdict == cut && !sameGroups(d.before, found.Groups):
		return "not the state before the last batch"
	case expected.verdict != cut && !sameGroups(d.now, found.Groups):
		return "changed silently"
	}
	return ""
}

func misreported(err error, place string) string {
	switch {
	case err == nil:
		return "not detected"
	case !errors.Is(err, persistence.ErrCorrupt):
		return fmt.Sprintf("not called corrupt: %v", err)
	case !strings.Contains(err.Error(), place):
		return fmt.Sprintf("the place is not named: %v", err)
	}
	return ""
}

func (d *damageable) requireIntact(t testing.TB) {
	t.Helper()
	require.Empty(t, d.judge(part{verdict: unused}))
}

// requireGoesOn opens the damaged directory for writing: what is read is what was judged, and the log goes on behind it.
func (d *damageable) requireGoesOn(t testing.TB, verdict string) {
	t.Helper()
	want := d.now[0]
	if verdict == cut {
		want = d.before[0]
	}
	requireGoesOn(t, d.files.thawed(t), want)
}

var votedFor7 = engine.HardState{Term: 3, Vote: 7, VoteIncarnation: 0xfeed}

func sameGroups(a, b map[persistence.Group]persistence.Recovered) bool {
	if len(a) != len(b) {
		return false
	}
	for group, state := range a {
		if !sameState(state, b[group]) {
			return false
		}
	}
	return true
}

// newestSegment returns the name of the file with the highest segment number in its header.
func newestSegment(t testing.TB, fsys persistence.FS) string {
	t.Helper()
	found, err := persistence.Inspect(fsys, testPath)
	require.NoError(t, err)
	return found.Segments[len(found.Segments)-1].Name
}
