package sim

import (
	"math/rand/v2"
	"strings"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// cut takes a copy of a file system in the middle of something: that is what a crash leaves.
type cut struct {
	left   int                                       // operations before it; zero: none is to come
	only   func(op persistence.Op, path string) bool // operations that count; nil: all
	large  bool                                      // only those of a write that takes several sectors count
	small  bool                                      // the one under way does not
	chance *chance
	odds   float64         // of each unsynced sector to survive; negative: the process is killed and nothing is lost
	dirty  bool            // something was written or renamed since the last sync
	away   engine.Duration // until the node comes back
	files  *persistence.MemFS
	copy   *persistence.MemFS
}

// arm lets the crash come at one of the next operations.
func (c *cut) arm(operations int, chance *chance) {
	c.left, c.only, c.large, c.chance, c.copy, c.dirty = operations, nil, false, chance, nil, false
	c.odds = []float64{0, 1, 0.5, chance.float()}[chance.intN(4)]
}

func (c *cut) done() bool { return c.copy != nil }

// disarm returns the copy, if one was taken.
func (c *cut) disarm() *persistence.MemFS {
	taken := c.copy
	*c = cut{files: c.files}
	return taken
}

// operation is called before each operation of the file system.
func (c *cut) operation(op persistence.Op, path string) {
	if c.left == 0 || strings.HasPrefix(path, snapshotsPath) && !changes(op) {
		return // the next write finds the disk as this finds it
	}
	if (c.only == nil || c.only(op, path)) && (!c.large || !c.small) {
		c.left--
	}
	if c.left == 0 {
		c.copy = c.crash()
		return
	}
	switch op {
	case persistence.OpWrite, persistence.OpCreate, persistence.OpRename, persistence.OpRemove:
		c.dirty = true
	case persistence.OpSync, persistence.OpSyncDir:
		c.dirty = false
	default:
	}
}

// changes reports whether a disk, or what a crash leaves of it, is another one after an operation.
func changes(op persistence.Op) bool {
	switch op {
	case persistence.OpMkdirAll, persistence.OpCreate, persistence.OpWrite, persistence.OpSync, persistence.OpRename,
		persistence.OpRemove, persistence.OpSyncDir:
		return true
	default:
		return false
	}
}

func (c *cut) crash() *persistence.MemFS {
	if c.odds < 0 {
		return c.files.Kill()
	}
	return c.files.CrashKeeping(rand.New(c.chance), c.odds)
}
