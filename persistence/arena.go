package persistence

// arenaChunk is the size of an arena's chunks, in bytes.
const arenaChunk = 1 << 20

// arena keeps bytes that stay in memory for as long as a log entry points at them. Recovery copies whole records
// into it, without the padding between batches; a log of small batches would otherwise pin a block for each.
type arena struct {
	free []byte
}

func (a *arena) keep(data []byte) []byte {
	if len(data) > arenaChunk/4 {
		return append([]byte(nil), data...)
	}
	if len(data) > len(a.free) {
		a.free = make([]byte, arenaChunk)
	}
	kept := a.free[:len(data):len(data)]
	a.free = a.free[len(data):]
	copy(kept, data)
	return kept
}
