package engine

import "fmt"

// EntryKind says who an entry speaks to.
type EntryKind uint8

const (
	// EntryNoOp is the entry that a new leader appends to commit what earlier terms left behind
	// (dissertation §3.6.2). It has no data.
	EntryNoOp EntryKind = 1
	// EntryCommand carries a command for the state machine. The engine never looks inside.
	EntryCommand EntryKind = 2
	// EntryConfiguration carries an encoded [Configuration].
	EntryConfiguration EntryKind = 3
)

// String names the kind as traces do.
func (k EntryKind) String() string {
	switch k {
	case EntryNoOp:
		return "no-op"
	case EntryCommand:
		return "command"
	case EntryConfiguration:
		return "configuration"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Entry is one slot of the replicated log.
//
// Invariant: an entry is immutable from the moment it enters an engine, its Data included. Log, wire and state
// machine share the same bytes.
type Entry struct {
	Term  Term
	Index Index
	Kind  EntryKind
	Data  []byte
}

// Position returns the entry's term and index.
func (e Entry) Position() Position { return Position{Term: e.Term, Index: e.Index} }

// EntryOverhead is what an entry counts for beside its data wherever entries are bounded in bytes.
const EntryOverhead = 24

// Size returns the bytes that the entry counts for in every byte bound: its data and [EntryOverhead].
func (e Entry) Size() int { return len(e.Data) + EntryOverhead }
