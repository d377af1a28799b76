package sim

import (
	"strings"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// crashAtFiles ends a process at one of the next operations by which its log changes files: where it makes, names, frees,
// recycles or removes a segment, or records its cluster. That is a power loss, mostly. The machine may go on and off for a
// while.
func (w *world) crashAtFiles(n *node, c *chance) {
	aim := pick(c, []aim{{changesFiles, 12}, {syncsNames, 3}, {leavesSegment, 1}, {leavesSegment, 2}})
	n.cut.arm(1+c.intN(aim.operations), c)
	n.cut.only = aim.at
	n.cut.away = c.between(millisecond, tick) // somebody looks after the process, and starts it again at once
	if c.happens(0.3) {
		n.cut.away = c.between(tick, 20*tick)
	}
	switch c.intN(5) {
	case 0:
		n.cut.odds = -1
	case 1, 2:
		n.cut.odds = 0.5 // of two names one may survive and the other not
	}
	n.flickers = flickering{c.intN(2), pick(c, flickerPatterns)}
}

// aim is a kind of operations, and among how many of the next ones a crash comes.
type aim struct {
	at         func(op persistence.Op, path string) bool
	operations int
}

// changesFiles tells operations on the files of a log from the writing of batches.
func changesFiles(op persistence.Op, path string) bool {
	switch op {
	case persistence.OpCreate, persistence.OpRename, persistence.OpRemove, persistence.OpSyncDir, persistence.OpClose:
		return true
	case persistence.OpWrite, persistence.OpSync:
		return !strings.HasSuffix(path, ".log")
	default:
		return false
	}
}

// syncsNames is where names have changed, and that is not durable yet.
func syncsNames(op persistence.Op, _ string) bool { return op == persistence.OpSyncDir }

// leavesSegment is where a segment has its seal, and the next one has no batch yet.
func leavesSegment(op persistence.Op, path string) bool {
	return op == persistence.OpClose && strings.HasSuffix(path, ".log")
}

// switched lets a process crash now and then soon after it went over to a snapshot: more than at other times it has taken
// memory then, and much of its log is needed no more.
func (w *world) switched(n *node, change *engine.PersistSnapshot) {
	c := stream(w.options.Seed, ofDisk, uint64(n.id), uint64(n.life), change.Snapshot.ID, 2)
	probability := w.weather.disks.relapse
	if !change.Keep {
		probability *= 5
	}
	if n.cut.left == 0 && !w.over && c.happens(probability) {
		w.counters.Faults[Relapsed]++
		w.crashAtFiles(n, &c)
	}
}
