package persistence

import (
	"bytes"
	"slices"
)

// memInode is one file: what processes see, what a power loss leaves at least, and the writes between the two.
type memInode struct {
	content memContent // as processes see it
	durable memContent // as of the last sync
	writes  []memWrite // since then

	sharedWrites bool   // a copy has them too
	buffer       []byte // of an earlier write, to be used again
}

// memWrite is one write to a file since its last sync.
type memWrite struct {
	offset int64
	data   []byte // not changed while the write is remembered
}

func (n *memInode) write(p []byte, offset int64) {
	if len(p) == 0 {
		return
	}
	w := memWrite{offset: offset}
	if isZero(p) {
		w.data = zeros[:len(p)]
	} else {
		w.data, n.buffer = append(n.buffer[:0], p...), nil
	}
	n.content.write(w)
	n.writes = append(n.writes, w)
}

func (n *memInode) sync() {
	for _, w := range n.writes {
		n.durable.write(w)
	}
	if n.sharedWrites || len(n.writes) == 0 {
		n.writes, n.sharedWrites = nil, false
		return
	}
	if buffer := n.writes[0].data; !isZero(buffer) {
		n.buffer = buffer
	}
	clear(n.writes)
	n.writes = n.writes[:0]
}

// share returns a copy. From now on neither side changes what both can see.
func (n *memInode) share() *memInode {
	n.sharedWrites = true
	return &memInode{content: n.content.share(), durable: n.durable.share(), writes: slices.Clone(n.writes), sharedWrites: true}
}

// memPageSize is the size of what copies of a file share until one of them changes it, in bytes.
const memPageSize = 8 << 10

// memContent is what a file holds. Copies have pages in common: a crash clone of a large file costs little, and so does
// the recovery that writes a few blocks of it.
type memContent struct {
	size  int64
	pages []*memPage // nil: zeros
	owner *memOwner  // whose pages may be changed in place
}

type memPage struct {
	owner *memOwner
	data  [memPageSize]byte // beyond the file's size: zeros
}

// memOwner stands for one content between two copies of it. Its address is what counts.
type memOwner struct{ _ byte }

// share returns a copy. All pages belong to nobody from now on.
func (c *memContent) share() memContent {
	c.owner = new(memOwner)
	return memContent{size: c.size, pages: slices.Clone(c.pages), owner: new(memOwner)}
}

// isZero reports whether p is nothing but zeros, with which segments are filled; of more than a step of them it says no.
func isZero(p []byte) bool { return len(p) <= len(zeros) && bytes.Equal(p, zeros[:len(p)]) }

// resize cuts the content or extends it with zeros.
func (c *memContent) resize(size int64) {
	if size < c.size && size%memPageSize != 0 && c.pages[size/memPageSize] != nil {
		clear(c.own(size / memPageSize).data[size%memPageSize:])
	}
	count := int((size + memPageSize - 1) / memPageSize)
	if count < len(c.pages) {
		c.pages = slices.Clip(c.pages[:count])
	}
	c.pages = append(c.pages, make([]*memPage, count-len(c.pages))...)
	c.size = size
}

// own returns a page that may be changed.
func (c *memContent) own(i int64) *memPage {
	switch p := c.pages[i]; {
	case p == nil:
		c.pages[i] = &memPage{owner: c.owner}
	case p.owner != c.owner:
		c.pages[i] = &memPage{owner: c.owner, data: p.data}
	}
	return c.pages[i]
}

// write takes a write, which may extend the content.
func (c *memContent) write(w memWrite) {
	if end := w.offset + int64(len(w.data)); end > c.size {
		c.resize(end)
	}
	for data, at := w.data, w.offset; len(data) > 0; {
		n := min(len(data), int(memPageSize-at%memPageSize))
		if c.pages[at/memPageSize] != nil || !isZero(data[:n]) {
			copy(c.own(at / memPageSize).data[at%memPageSize:], data[:n])
		}
		data, at = data[n:], at+int64(n)
	}
}

// read fills p from the offset on, as far as the content goes, and returns how many bytes that were.
func (c *memContent) read(p []byte, offset int64) int {
	p = p[:max(0, min(int64(len(p)), c.size-offset))]
	for rest, at := p, offset; len(rest) > 0; {
		n := min(len(rest), int(memPageSize-at%memPageSize))
		if page := c.pages[at/memPageSize]; page != nil {
			copy(rest[:n], page.data[at%memPageSize:])
		} else {
			clear(rest[:n])
		}
		rest, at = rest[n:], at+int64(n)
	}
	return len(p)
}
