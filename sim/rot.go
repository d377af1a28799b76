package sim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// rehearsals is how many damages to one disk are judged. The last of them is what the node finds.
const rehearsals = 4

// rot takes a node down, in good order or not, and damages what its disk holds. A log that does not open for that is lost
// with its disk, and the node gets an empty one, if the cluster can bear that; else the damage is undone. What opens goes on.
func (w *world) rot(n *node, c *chance) {
	if n.disk.failing || w.options.lyingDisk {
		return
	}
	expendable := w.settled() && w.viable(n.status.Membership, n)
	n.cut.disarm()
	if c.happens(0.4) {
		w.fail(n.storage.Close())
		n.disk.proven = true
		w.tell("%v is shut down", n.id)
	}
	n.files = n.files.CrashKeeping(rand.New(c), pick(c, []float64{0, 1, c.float()}))
	proven := n.disk.proven
	w.endLife(n)
	w.reboot(n)
	if !w.rotten(n, proven, c) && expendable {
		w.counters.Faults[Wiped]++
		w.tell("%v gets an empty disk", n.id)
		n.wiped = true
		w.reincarnate(n, false)
	}
	w.comeBack(n, c.between(tick, 20*tick))
}

// rotten damages what a node has stored, several times over and each time from the beginning, and judges what becomes of
// each. The last damage stays if the log opens all the same; that is what it reports.
func (w *world) rotten(n *node, proven bool, c *chance) (opens bool) {
	s, err := w.specimen(n, proven)
	if err != nil {
		return true // the next start tells
	}
	files := n.files
	for range rehearsals {
		d := s.damage(c)
		w.counters.Faults[Rotten]++
		found, err := w.readBack(n, d.files)
		opens = w.judgeRotten(s, &d, found, err)
		files = d.files
		w.tell("%v rots: %s (opens: %t, %v)", n.id, d.what, opens, err)
	}
	if opens {
		n.files = files
	}
	return opens
}

// specimen is the log of a node that is down.
type specimen struct {
	node     *node
	files    *persistence.MemFS
	attic    []*persistence.MemFS
	segments []specimenSegment
	last     specimenBatch
	witness  bool                   // a copy of the last batch, or of a later one, stands behind the end
	proven   bool                   // the log was opened, idle or closed since its last batch: it has to know that it was durable
	whole    persistence.Recovered  // what it holds
	shorter  *persistence.Recovered // without its last batch; nil where that leaves nothing, or is proven to be there
}

type specimenSegment struct {
	name    string
	size    int64
	batches []persistence.BatchInfo // that are part of the log
}

// specimenBatch says where a batch stands.
type specimenBatch struct {
	segment int
	persistence.BatchInfo
}

func (w *world) specimen(n *node, proven bool) (*specimen, error) {
	s := &specimen{node: n, files: n.files, attic: n.attic, proven: proven}
	found, err := persistence.Inspect(n.files, logPath)
	if err != nil {
		return nil, err
	}
	for _, info := range found.Segments {
		_, batches, err := persistence.InspectSegment(n.files, inLog(info.Name))
		if err != nil {
			return nil, err
		}
		batches = slices.DeleteFunc(batches, func(b persistence.BatchInfo) bool {
			behind := b.Offset >= info.End // which earlier damage left there
			s.witness = s.witness || behind && !b.Stale && b.Number >= found.Next-1
			return b.Stale || b.Damaged || behind
		})
		for _, b := range batches {
			if b.Number == found.Next-1 {
				s.last = specimenBatch{len(s.segments), b}
			}
		}
		s.segments = append(s.segments, specimenSegment{info.Name, info.Size, batches})
	}
	s.whole = found.Groups[0]
	if !proven {
		s.shorten()
	}
	return s, nil
}

// shorten finds out what is left without the last batch.
func (s *specimen) shorten() {
	torn := s.files.Kill()
	overwrite(torn, s.segments[s.last.segment].name, s.last.Offset, make([]byte, sector))
	if found, err := persistence.Inspect(torn, logPath); err == nil {
		shorter := found.Groups[0]
		s.shorter = &shorter
	}
}

// readBack opens a copy of what a node has stored.
func (w *world) readBack(n *node, files *persistence.MemFS) (persistence.Recovered, error) {
	random := stream(w.options.Seed, ofTrouble, uint64(n.id), uint64(n.life), 2)
	dir := persistence.NewDir(files.Kill(), logPath, persistence.Options{
		SegmentSize: w.weather.segmentSize, ReserveBytes: -1, Random: random.Uint64,
	})
	storage, err := dir.Open(persistence.Identity{Cluster: engine.ClusterID{Name: clusterName}, Node: n.id})
	if err != nil {
		return persistence.Recovered{}, err
	}
	return storage.Recovered(0), nil
}

// judgeRotten holds that a damaged log is refused as such or shows what it held, all of it. There is one exception: where
// nothing behind it proves that the last batch was durable, damage to that one passes for a write that a crash cut short, and
// the log goes on in its place; so it must not be refused for that.
func (w *world) judgeRotten(s *specimen, d *damage, found persistence.Recovered, err error) (opens bool) {
	id := s.node.id
	switch {
	case err == nil && equal(&found, &s.whole):
		return true
	case err == nil && d.onlyLast && s.shorter != nil && equal(&found, s.shorter):
		return false // nobody can tell that it was not
	case err == nil:
		w.failf("rot", "%v opens a damaged log (%s) and finds %s; it held %s (end proven: %t)", id, d.what, sketch(&found), sketch(&s.whole), s.proven)
	case !errors.Is(err, persistence.ErrCorrupt):
		w.failf("rot", "%v does not take damage for damage (%s): %v", id, d.what, err)
	case d.onlyLast && !s.witness && s.last.Offset > s.segments[s.last.segment].batches[0].Offset:
		w.failf("rot", "%v refuses a log in which only the last batch is damaged (%s): %v", id, d.what, err)
	default:
		w.counters.Faults[RotRefused]++
	}
	return false
}

func equal(a, b *persistence.Recovered) bool {
	return a.HardState == b.HardState && a.Base == b.Base && a.Commit == b.Commit && a.Snapshot == b.Snapshot &&
		slices.EqualFunc(a.Entries, b.Entries, func(x, y engine.Entry) bool {
			return x.Position() == y.Position() && x.Kind == y.Kind && bytes.Equal(x.Data, y.Data)
		})
}

// sketch says what matters of a log.
func sketch(r *persistence.Recovered) string {
	last := r.Base
	if n := len(r.Entries); n > 0 {
		last = r.Entries[n-1].Position()
	}
	return fmt.Sprintf("term %d, vote %v, snapshot %x, a log %v..%v of %d entries, commit %d",
		r.HardState.Term, r.HardState.Vote, r.Snapshot.ID, r.Base, last, len(r.Entries), r.Commit)
}
