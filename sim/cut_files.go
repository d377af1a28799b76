package sim

import (
	"strings"

	"github.com/yggr-go/yggr/persistence"
)

// crashAtFiles ends a process at one of the next operations by which its log changes files: where it makes, names, frees,
// recycles or removes a segment, or records its cluster. That is a power loss, mostly. The machine may go on and off for a
// while.
func (w *world) crashAtFiles(n *node, c *chance) {
	n.cut.arm(1+c.intN(12), c)
	n.cut.only = changesFiles
	n.cut.away = c.between(tick/2, 20*tick)
	if c.happens(0.2) {
		n.cut.odds = -1
	}
	n.flickers = flickering{c.intN(3), pick(c, flickerPatterns)}
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
