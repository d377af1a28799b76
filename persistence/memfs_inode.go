package persistence

import "slices"

// memInode is one file's content. Copies of a file system share it until one of them changes it.
type memInode struct {
	content []byte // as processes see it
	durable []byte // as of the last sync
	writes  []memWrite

	ownsContent, ownsDurable bool // may be changed in place

	sharedWrites bool   // a copy has them too
	buffer       []byte // of an earlier write, to be used again
}

// memWrite is one write to a file since its last sync.
type memWrite struct {
	offset int64
	data   []byte // not changed while the write is remembered
}

func (w memWrite) apply(content []byte) []byte {
	content = resized(content, max(int64(len(content)), w.offset+int64(len(w.data))))
	copy(content[w.offset:], w.data)
	return content
}

// resized cuts the content or extends it with zeros.
func resized(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size]
	}
	old := len(content)
	content = slices.Grow(content, int(size)-old)[:size]
	clear(content[old:])
	return content
}

func (n *memInode) write(p []byte, offset int64) {
	if len(p) == 0 {
		return
	}
	if !n.ownsContent {
		n.content, n.ownsContent = slices.Clone(n.content), true
	}
	w := memWrite{offset: offset, data: append(n.buffer[:0], p...)}
	n.buffer = nil
	n.content = w.apply(n.content)
	n.writes = append(n.writes, w)
}

func (n *memInode) sync() {
	if len(n.writes) > 0 && !n.ownsDurable {
		n.durable, n.ownsDurable = slices.Clone(n.durable), true
	}
	for _, w := range n.writes {
		n.durable = w.apply(n.durable)
	}
	if n.sharedWrites || len(n.writes) == 0 {
		n.writes, n.sharedWrites = nil, false
		return
	}
	n.buffer = n.writes[0].data
	clear(n.writes)
	n.writes = n.writes[:0]
}

// share returns a copy. From now on neither side changes what both can see.
func (n *memInode) share() *memInode {
	n.ownsContent, n.ownsDurable, n.sharedWrites = false, false, true
	return &memInode{content: n.content, durable: n.durable, writes: slices.Clone(n.writes), sharedWrites: true}
}
