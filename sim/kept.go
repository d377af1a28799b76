package sim

import (
	"path/filepath"
	"strings"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// kept tells in which segments the entries lie that a node's log has to keep, as far as its present life has seen them
// written. Of entries from before that it assumes the oldest segment, where nothing is demanded for them.
type kept struct {
	writing string // the segment that was last written to
	size    int64  // that it had before the first of these writes
	oldest  string // when the life began
	groups  [groups]whereabouts
	untidy  int       // ticks at which the log is still asked to tidy up
	late    int       // how often that changed nothing although there was something to do
	found   inventory // at the tick before, if nothing was written since
}

// whereabouts are those of one group's entries.
type whereabouts struct {
	base     engine.Index
	segments []string // of the entries above base, one by one
}

var _ persistence.Recorder = (*kept)(nil)

// watch is called before each operation of the file system. It holds that no write makes a segment longer: all of its
// blocks are there before it is used.
func (w *world) watch(n *node, op persistence.Op, path string) {
	if !strings.HasSuffix(path, ".log") {
		return
	}
	switch k, name := &n.kept, filepath.Base(path); op {
	case persistence.OpWrite:
		if k.writing != name {
			k.writing, k.size = name, w.sizeOf(n, name)
		}
	case persistence.OpClose:
		if k.writing != name {
			return
		}
		if size := w.sizeOf(n, name); size > k.size {
			w.failf("kept", "%v has made segment %s longer, from %d bytes to %d", n.id, name, k.size, size)
		}
	default:
	}
}

// began takes note of what a life begins with.
func (k *kept) began(group persistence.Group, recovered *persistence.Recovered) {
	g := whereabouts{base: recovered.Base.Index}
	for range recovered.Entries {
		g.segments = append(g.segments, k.oldest)
	}
	k.groups[group] = g
}

// Append implements [persistence.Recorder].
func (k *kept) Append(group persistence.Group, entries []engine.Entry) {
	g := &k.groups[group]
	g.segments = g.segments[:entries[0].Index-g.base-1]
	for range entries {
		g.segments = append(g.segments, k.writing)
	}
}

// SetSnapshot implements [persistence.Recorder].
func (k *kept) SetSnapshot(group persistence.Group, to persistence.SnapshotSwitch) {
	g := &k.groups[group]
	if to.Keep {
		g.segments = g.segments[to.Base.Index-g.base:]
	} else {
		g.segments = nil
	}
	g.base = to.Base.Index
}

// SetHardState implements [persistence.Recorder]: every segment begins with it.
func (k *kept) SetHardState(persistence.Group, engine.HardState) {}

// SetCommit implements [persistence.Recorder]: every segment begins with it.
func (k *kept) SetCommit(persistence.Group, engine.Index) {}

// oldestNeeded returns the oldest segment with an entry that some group needs, or limit if that is older.
func (k *kept) oldestNeeded(limit string) string {
	for i := range k.groups {
		if g := &k.groups[i]; len(g.segments) > 0 {
			limit = min(limit, g.segments[0])
		}
	}
	return limit
}

const (
	keptSpares = 4 // how many freed segments a log may keep for the next ones
	maxLate    = 2 // how often in a row tidying up may change nothing: a name may fail to change
)

// inventory is what a directory holds.
type inventory struct {
	oldest   string // segment
	needless int    // files that nobody needs
	prepared int64  // bytes of files that may become, or are, the segment that is being written
}

// takeInventory looks through the files of a node's log.
func (w *world) takeInventory(n *node) (found inventory) {
	names, err := n.files.List(logPath)
	w.fail(err)
	var segments []string
	spares := 0
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, ".log"):
			segments = append(segments, name)
		case strings.HasPrefix(name, "spare"):
			size := w.sizeOf(n, name)
			found.prepared += size
			switch {
			case name == "spare.tmp": // that is the next one, while it is being filled
			case size == n.segmentSize && spares < keptSpares:
				spares++
			default:
				found.needless++
			}
		}
	}
	if len(segments) == 0 {
		return found
	}
	found.oldest = segments[0]
	newest := segments[len(segments)-1]
	found.prepared += w.sizeOf(n, newest)
	if n.kept.writing != newest && len(segments) > 1 {
		newest = segments[len(segments)-2] // nothing is in the newest one, so the log rests on the one before
	}
	needed := n.kept.oldestNeeded(newest)
	for _, name := range segments {
		if name < needed {
			found.needless++
		}
	}
	return found
}

func (w *world) sizeOf(n *node, name string) int64 {
	file, err := n.files.OpenRead(filepath.Join(logPath, name))
	w.fail(err)
	if err != nil {
		return 0
	}
	size, err := file.Size()
	w.fail(err)
	return size
}

// tidyTicks is for how many ticks after a write a host asks its log to tidy up.
const tidyTicks = 4

// tidy is a tick without batches. One segment that nobody needs is freed at each, and one freed segment too many, or of
// another size than segments have now, is removed: nothing is kept for ever that nobody needs.
func (w *world) tidy(n *node) error {
	k := &n.kept
	if err := n.storage.Write(&persistence.Batch{}); err != nil || n.cut.done() {
		return err
	}
	if k.untidy == tidyTicks { // right after a write; a tick without one is judged
		return nil
	}
	before, now := k.found, w.takeInventory(n)
	k.found = now
	w.judgeRoom(n, now)
	if before.oldest == "" {
		return nil // nobody looked since the last write
	}
	if now.needless == 0 || now.needless < before.needless || now.oldest != before.oldest {
		k.late = 0
		return nil
	}
	if k.late++; k.late > maxLate {
		w.failf("kept", "%v has %d files in its log that nobody needs, the oldest is %s, and does not give them up", n.id, now.needless, now.oldest)
	}
	return nil
}
