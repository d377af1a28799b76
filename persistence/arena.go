package persistence

import "bytes"

// An arena's chunks double from the smaller size to the larger, in bytes.
const (
	arenaFirstChunk = 16 << 10
	arenaChunk      = 1 << 20
)

// arena keeps bytes that stay in memory for as long as a log entry points at them. Recovery copies whole records
// into it, without the padding between batches; a log of small batches would otherwise pin a block for each.
type arena struct {
	free []byte
	next int // size of the next chunk
}

func (a *arena) keep(data []byte) []byte {
	if len(data) > len(a.free) {
		a.next = min(max(2*a.next, arenaFirstChunk), arenaChunk)
		if len(data) > a.next/4 {
			return bytes.Clone(data)
		}
		a.free = make([]byte, a.next)
	}
	kept := a.free[:len(data):len(data)]
	a.free = a.free[len(data):]
	copy(kept, data)
	return kept
}
