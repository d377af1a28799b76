package sim

import (
	"bytes"
	"fmt"
	"path"
	"slices"

	"github.com/yggr-go/yggr/persistence"
)

// damage is a copy of what a node has stored, and what is wrong with it.
type damage struct {
	files    *persistence.MemFS
	what     string
	onlyLast bool // nothing but the last batch was touched
}

// damage does to a copy of a disk what time does to disks: bits turn, sectors are lost, writes go to the wrong place or turn
// out not to have been made, files go missing or come back.
func (s *specimen) damage(c *chance) damage {
	d := damage{files: s.files.Kill()}
	switch kind := c.float(); {
	case kind < 0.3:
		s.flip(&d, c)
	case kind < 0.45:
		s.blank(&d, c)
	case kind < 0.55:
		s.flipAnywhere(&d, c)
	case kind < 0.65:
		s.lose(&d, c)
	case kind < 0.8:
		s.undo(&d, c)
	case kind < 0.96:
		s.bringBack(&d, c)
	default:
		s.misdirect(&d, c)
	}
	_ = d.files.SyncDir(logPath) // what rots stays so
	return d
}

// draw returns a batch of the log: often the last one, often the seal of a segment.
func (s *specimen) draw(c *chance) specimenBatch {
	if c.happens(0.4) {
		return s.last
	}
	i := c.intN(len(s.segments))
	batches := s.segments[i].batches
	switch {
	case len(batches) == 0:
		return s.last
	case c.happens(0.3):
		return specimenBatch{i, batches[len(batches)-1]}
	}
	return specimenBatch{i, pick(c, batches)}
}

const headerOfBatch = 64 // bytes

// flip turns one bit of a batch, half of the time in its header.
func (s *specimen) flip(d *damage, c *chance) {
	b := s.draw(c)
	length := b.Size
	if c.happens(0.5) {
		length = headerOfBatch
	}
	at, bit := int64(c.intN(int(length))), byte(1)<<c.intN(8)
	name := s.segments[b.segment].name
	was := content(d.files, name)[b.Offset+at]
	overwrite(d.files, name, b.Offset+at, []byte{was ^ bit})
	d.what, d.onlyLast = fmt.Sprintf("a bit of batch %d turns, at %d", b.Number, at), b == s.last
}

// blank puts zeros in the place of a sector of a batch, or of all of it.
func (s *specimen) blank(d *damage, c *chance) {
	b := s.draw(c)
	at, length := int64(0), b.Size
	if c.happens(0.6) {
		at, length = int64(c.intN(int(b.Size)/sector))*sector, sector
	}
	overwrite(d.files, s.segments[b.segment].name, b.Offset+at, make([]byte, length))
	d.what, d.onlyLast = fmt.Sprintf("batch %d loses %d bytes at %d", b.Number, length, at), b == s.last
}

// flipAnywhere turns a bit in the first sector of a file.
func (s *specimen) flipAnywhere(d *damage, c *chance) {
	name := pick(c, s.names())
	data := content(d.files, name)
	if len(data) == 0 {
		return
	}
	at := c.intN(min(sector, len(data)))
	overwrite(d.files, name, int64(at), []byte{data[at] ^ 1<<c.intN(8)})
	d.what = fmt.Sprintf("a bit of %s turns, at %d", name, at)
}

// names lists the files of the log.
func (s *specimen) names() []string {
	names, _ := s.files.List(logPath)
	return names
}

// lose lets a file go missing, mostly a segment.
func (s *specimen) lose(d *damage, c *chance) {
	name := pick(c, s.segments).name
	switch {
	case c.happens(0.1):
		name = pick(c, s.names())
	case c.happens(0.3):
		name = s.segments[0].name
	case c.happens(0.3):
		name = s.segments[len(s.segments)-1].name
	}
	_ = d.files.Remove(inLog(name))
	d.what += fmt.Sprintf("%s is gone", name)
}

// anAttic returns one of the old copies of the disk; an empty one if there is none.
func (s *specimen) anAttic(c *chance) *persistence.MemFS {
	if len(s.attic) == 0 {
		return persistence.NewMemFS()
	}
	return pick(c, s.attic)
}

// undo brings back what stood in the place of a batch when an earlier life ended: its write was acknowledged, and not made.
// Where that is another batch with the same number nothing but the chain of batches tells them apart; so it is not the last
// one, which nothing follows.
func (s *specimen) undo(d *damage, c *chance) {
	type place struct {
		segment string
		offset  int64
		old     []byte
	}
	var places []place
	attic := s.anAttic(c)
	for i, segment := range s.segments {
		old, now := content(attic, segment.name), content(s.files, segment.name)
		for _, b := range segment.batches {
			end := b.Offset + b.Size
			if (specimenBatch{i, b}) == s.last || int64(len(old)) < end || bytes.Equal(old[b.Offset:end], now[b.Offset:end]) {
				continue
			}
			places = append(places, place{segment.name, b.Offset, old[b.Offset:end]})
		}
	}
	if len(places) == 0 {
		s.bringBack(d, c)
		return
	}
	p := pick(c, places)
	overwrite(d.files, p.segment, p.offset, p.old)
	d.what = fmt.Sprintf("a write to %s at %d was not made", p.segment, p.offset)
}

// bringBack lets a file come back that was there when an earlier life ended, and often another one go for it. One that
// is still there comes back as it was, but for the newest segment, to which nothing bears witness.
func (s *specimen) bringBack(d *damage, c *chance) {
	attic := s.anAttic(c)
	names, _ := attic.List(logPath)
	now := s.names()
	newest := s.segments[s.last.segment].name // behind it there may be one without batches
	names = slices.DeleteFunc(names, func(name string) bool {
		return path.Ext(name) != ".log" || name >= newest || slices.Contains(now, name) && bytes.Equal(content(attic, name), content(s.files, name))
	})
	if len(names) == 0 {
		s.lose(d, c)
		return
	}
	name := pick(c, names)
	_ = d.files.Remove(inLog(name))
	if file, err := d.files.Create(inLog(name)); err == nil {
		_ = file.Close()
	}
	overwrite(d.files, name, 0, content(attic, name))
	d.what = fmt.Sprintf("%s is as it was long ago; ", name)
	i := c.intN(len(s.segments))
	if c.happens(0.5) {
		i = s.last.segment
	}
	if c.happens(0.6) && !s.bearsWitness(i, name) {
		_ = d.files.Remove(inLog(s.segments[i].name))
		d.what += s.segments[i].name + " is gone"
	}
}

// bearsWitness reports whether a segment may not go as well when an old one comes back: with the end of the log goes all
// that tells it from what it was long ago, but for the segment right before it, which names it.
func (s *specimen) bearsWitness(i int, back string) bool {
	return i >= s.last.segment && (i == 0 || s.segments[i-1].name == back || numberOf(s.segments[i-1].name)+1 != numberOf(s.segments[i].name))
}

func numberOf(segment string) (number uint64) {
	_, _ = fmt.Sscanf(segment, "segment-%x.log", &number) // zero is no segment's
	return number
}

// misdirect writes a batch where it does not belong.
func (s *specimen) misdirect(d *damage, c *chance) {
	b := s.draw(c)
	i := c.intN(len(s.segments))
	to := s.segments[i]
	data := content(s.files, s.segments[b.segment].name)[b.Offset : b.Offset+b.Size]
	block := b.Offset - b.Offset%blockOfLog
	if blocks := (to.size - b.Size) / blockOfLog; blocks > 1 {
		block = (1 + int64(c.intN(int(blocks-1)))) * blockOfLog
	}
	if last := s.last.Offset; i == s.last.segment && block < last && block+b.Size > last {
		block = last // with those before it goes what proves that they were durable
		data = data[:min(b.Size, to.size-last)]
	}
	overwrite(d.files, to.name, block, data)
	d.onlyLast = i == s.last.segment && block >= s.last.Offset
	d.what = fmt.Sprintf("batch %d is written to %s at %d as well", b.Number, to.name, block)
}

const blockOfLog = 4096 // bytes; batches begin on blocks

func inLog(name string) string { return path.Join(logPath, name) }

// overwrite changes a file for good.
func overwrite(files *persistence.MemFS, name string, at int64, data []byte) {
	file, err := files.Open(inLog(name))
	if err != nil {
		return
	}
	_, _ = file.WriteAt(data, at)
	_ = file.Sync()
	_ = file.Close()
}
