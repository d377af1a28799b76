package persistence_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

// watch is how many of the lives that follow from a cut one are cut as well: one in so many. Those after a kill begin with
// most in memory that is not durable, and so go wrong in most ways.
var watch = map[string]int{"power loss": 10, "power loss right after": 10, "kill": 2}

// maxDepth is how many lives follow from one that was cut, at most: the recovery from a crash is cut, and so is the
// recovery from that.
const maxDepth = 3

// life is one process that has the directory open, on a disk of its own, from its start to its end.
//
// Before each operation that changes the file system a watched life is cut: what a power loss or a kill would leave at that
// moment becomes the disk of another life, which must start and show one of the worlds that are legal then.
type life struct {
	*story
	parent *life // that was cut
	how    string
	depth  int

	disk    *persistence.MemFS
	fsys    *persistence.FaultFS
	place   *persistence.Dir
	storage persistence.Storage

	legal   []world  // what a reopening may show if the life is cut now; the durable one first
	asked   string   // what the storage was asked for
	does    []string // what is in the batch that is being written
	watched bool
	inVain  bool // it writes what the life before it wrote, and which was torn

	operations int    // that change something, so far
	moment     string // the last of them
	last       int    // the one before which the life ends; zero: none
	end        ending
	left       *persistence.MemFS // what is left of a life that has ended
	ended      string             // how it did
}

// ending is how a life ends at an operation.
type ending uint8

const (
	powerLoss ending = iota
	kill
	failure // of the operation, which may have been done all the same, and the process ends with it
	endings
)

func (s *story) begin(parent *life, how string, disk *persistence.MemFS, legal []world) *life {
	l := &life{story: s, parent: parent, how: how, disk: disk, legal: legal, watched: true}
	l.fsys = persistence.NewFaultFS(disk, l.before)
	l.place = persistence.NewDir(l.fsys, testPath, persistence.Options{SegmentSize: s.size, Random: s.uses.next})
	return l
}

// String tells how it came to the moment.
func (l *life) String() string {
	from := "in the beginning"
	if l.parent != nil {
		from = l.parent.String() + "\n→ " + l.how
	}
	if l.moment == "" {
		return from
	}
	return fmt.Sprintf("%s; %s, operation %d: before %s", from, l.asked, l.operations, l.moment)
}

// before is called before each operation.
func (l *life) before(op persistence.Op, path string) {
	if !changes(op) || l.left != nil {
		return
	}
	l.operations++
	l.moment = fmt.Sprintf("%s %s", op, brief(path))
	torn := l.inVain && op == persistence.OpSync && what(path) == "segment"
	if l.watched && (!l.long || l.one(3)) { // a reopening takes twenty times as long there
		l.tally.cut(l.asked, op, path, l.does)
		l.cut(torn)
	}
	if l.operations == l.last || torn {
		l.endBefore(op, path)
	}
}

// changes reports whether an operation changes something. A cut before one that does not is a cut before the next one.
func changes(op persistence.Op) bool {
	switch op {
	case persistence.OpRead, persistence.OpList, persistence.OpOpen, persistence.OpSize, persistence.OpClose, persistence.OpFree:
		return false
	default:
		return true
	}
}

// cut lets other lives go on from what this moment leaves.
func (l *life) cut(torn bool) {
	for range l.losses(torn) {
		l.reopen("power loss", l.disk.Crash(l.random))
	}
	if l.one(5) {
		l.reopen("kill", l.disk.Kill())
	}
}

// losses is how many different power losses meet one moment: one, but many where what is torn now may complete what was torn
// before, and where what another process began to create is finished, which few stories come to.
func (l *life) losses(torn bool) int {
	switch {
	case torn:
		return 12
	case l.asked == "open" && l.how == "kill" && l.parent.asked == "create":
		return 12
	default:
		return 1
	}
}

// endBefore ends the life at an operation.
func (l *life) endBefore(op persistence.Op, path string) {
	switch l.end {
	case powerLoss:
		l.left, l.ended = l.disk.Crash(l.random), "power loss"
	case kill:
		l.left, l.ended = l.disk.Kill(), "kill"
	default:
		short, done := 512*l.random.IntN(12), l.one(4)
		l.fsys.Fail(persistence.Fault{Op: op, Path: path, Short: short, Done: done, Err: errDisk})
	}
}

// reopen starts another life with what was left of this one.
func (l *life) reopen(how string, left *persistence.MemFS) {
	next := l.begin(l, how, left, l.legal)
	next.depth = l.depth + 1
	next.watched = next.depth < maxDepth && l.one(watch[how])
	next.start()
	switch {
	case next.depth >= maxDepth:
	case how == "kill" || l.one(5):
		next.reopen("power loss right after", next.disk.Crash(l.random))
	case l.one(5):
		next.work(1)
	}
	next.close()
}

// start opens the directory, or creates the state again where there is none, and holds what it shows to what is legal.
func (l *life) start() {
	l.tally.reopenings++
	exists, err := l.place.Exists()
	require.NoError(l.t, err, l)
	if !exists {
		l.create()
		return
	}
	var inspected *persistence.Inspection
	if l.one(5) {
		found, err := persistence.Inspect(l.disk, testPath)
		require.NoError(l.t, err, "%v: inspected", l)
		inspected = &found
	}
	l.asked = "open"
	s, err := l.place.Open(unpinned())
	if l.stopped(err) {
		return
	}
	l.storage = s
	l.answers(inspected)
}

// answers finds the one world that the opened storage shows. From now on it is the only legal one.
func (l *life) answers(inspected *persistence.Inspection) {
	groups := make([]persistence.Recovered, l.groups)
	for i := range groups {
		groups[i] = l.storage.Recovered(persistence.Group(i))
		if inspected != nil {
			require.True(l.t, sameState(inspected.Groups[persistence.Group(i)], groups[i]), "%v: inspected another state", l)
		}
	}
	cluster := l.storage.Identity().Cluster
	for i, w := range l.legal {
		if !w.absent() && w.shownBy(cluster, groups) {
			l.tally.verdict(i, len(l.legal))
			l.legal = []world{w}
			return
		}
	}
	require.Failf(l.t, "neither the durable state nor the next one",
		"%v\nlegal: %v\nfound: %s", l, l.legal, describe(cluster, groups))
}

// create makes the state, which must not have been there before.
func (l *life) create() {
	require.True(l.t, l.legal[0].absent(), "%v: the state is gone", l)
	l.tally.verdicts["no state yet"]++
	l.asked, l.watched = "create", l.watched && (l.depth == 0 || l.one(4))
	first := newborn(unpinned().Cluster, l.groups, commands(1, 1, 2, 300))
	l.legal = []world{{}, first}
	s, err := l.place.Create(unpinned(), at(1), first.groups[0].State.Entries)
	if l.stopped(err) {
		return
	}
	l.storage, l.legal = s, []world{first}
}

// now is the durable world of a life in which nothing is under way.
func (l *life) now() world { return l.legal[0] }

// work does what a node may do, in that many steps or until the life ends.
func (l *life) work(steps int) {
	for ; steps > 0 && l.left == nil; steps-- {
		switch {
		case l.one(16) && !l.now().cluster.Pinned():
			l.pin()
		case l.one(3):
			l.asked, l.does = "idle", nil
			_ = l.stopped(l.storage.Write(&persistence.Batch{}))
		case l.long && l.one(2):
			l.write(l.now().large(100_000 + l.random.IntN(400_000)))
		case l.one(6) || l.lost() && l.one(2):
			l.write(l.now().repeated(l.random))
		case l.one(8):
			l.write(l.now().compacted(l.random))
		case l.one(16):
			l.write(l.now().installed(l.random))
		default:
			l.write(l.now().batch(l.random))
		}
	}
}

// lost reports whether nothing was written yet since the start.
func (l *life) lost() bool { return l.asked == "open" }

func (l *life) write(b *persistence.Batch, next world, does []string) {
	l.asked, l.does, l.legal = "write", does, []world{l.now(), next}
	if !l.stopped(l.storage.Write(b)) {
		l.legal, l.does = []world{next}, nil
	}
}

func (l *life) pin() {
	next := l.now().pinned(testID.Cluster)
	l.asked, l.legal = "pin", []world{l.now(), next}
	if !l.stopped(l.storage.PinCluster(testID.Cluster)) {
		l.legal = []world{next}
	}
}

// close ends the life in order, unless it has ended already.
func (l *life) close() {
	if l.storage == nil {
		return
	}
	m := l.storage.Metrics()
	l.tally.freed, l.tally.recycled = l.tally.freed+m.Freed, l.tally.recycled+m.Recycled
	if l.left == nil {
		l.asked, l.does = "close", nil
	}
	if err := l.storage.Close(); l.left == nil {
		l.stopped(err)
	}
	l.storage = nil
}

// stopped reports whether the life has ended, by what ends it at an operation, or by the failure that ends it.
func (l *life) stopped(err error) bool {
	switch {
	case l.left != nil:
		return true
	case err == nil:
		return false
	}
	require.True(l.t, errors.Is(err, errDisk) && l.end == failure && l.operations >= l.last, "%v: %v", l, err)
	switch l.random.IntN(3) {
	case 0:
		l.left, l.ended = l.disk.Crash(l.random), "failure and power loss"
	case 1:
		l.left, l.ended = l.disk.Kill(), "failure"
	default:
		l.disk.FailWriteback()
		l.left, l.ended = l.disk.Kill(), "failure that lost what was not synced"
	}
	return true
}

// what names a file by what it is, without its number.
func what(path string) string {
	name := filepath.Base(path)
	switch {
	case path == testPath:
		return "directory"
	case strings.HasPrefix(name, "spare-"):
		return "freed"
	}
	kind, _, _ := strings.Cut(strings.TrimSuffix(name, ".log"), "-")
	return kind
}
