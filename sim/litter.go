package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"

	"github.com/yggr-go/yggr/persistence"
)

// litter leaves a file in the directory of a node that is down: what an operator, a backup or an attempt that did not end
// leaves there. Some have names that the log uses for what it can do without. It is in nobody's way.
func (w *world) litter(n *node, c *chance) {
	name := w.litterName(c)
	if n.full || n.files.MkdirAll(logPath) != nil {
		return
	}
	file, err := n.files.Create(path.Join(logPath, name))
	if errors.Is(err, fs.ErrExist) {
		return
	}
	w.fail(err)
	w.tell("somebody leaves a file %q in the directory of %v", name, n.id)
	w.counters.Faults[Littered]++
	_, err = file.WriteAt(w.litterContent(n, c), 0)
	w.fail(errors.Join(err, file.Sync(), file.Close())) // who copies files of a log for it to use makes them durable
}

func (w *world) litterName(c *chance) string {
	number := pick(c, []uint64{math.MaxUint64, math.MaxUint64, 0, 1 << 63, uint64(c.intN(30))})
	return pick(c, []string{
		"identity.tmp", "spare.tmp", "identity~", fmt.Sprintf("segment-%016x.log.bak", number),
		fmt.Sprintf("spare-%016x.tmp", number), fmt.Sprintf("spare-%016x.tmp", number),
	})
}

// litterContent is nothing, anything, or a copy of another file.
func (w *world) litterContent(n *node, c *chance) []byte {
	names, err := n.files.List(logPath)
	w.fail(err)
	switch c.intN(3) {
	case 0:
		return nil
	case 1:
		junk := make([]byte, c.intN(2000))
		for i := range junk {
			junk[i] = byte(c.Uint64())
		}
		return junk
	}
	return content(n.files, pick(c, names))
}

// content reads a file of a log's directory; nil if there is none.
func content(files *persistence.MemFS, name string) []byte {
	file, err := files.OpenRead(path.Join(logPath, name))
	if err != nil {
		return nil
	}
	size, _ := file.Size()
	data := make([]byte, size)
	n, _ := file.ReadAt(data, 0)
	return data[:n]
}
