package main

import "github.com/yggr-go/yggr/engine"

// Op says what a [Command] does. The values are in the log: they never change meaning.
type Op uint8

// The operations of the machine.
const (
	OpSet      Op = 1
	OpGet      Op = 2
	OpDel      Op = 3
	OpExists   Op = 4
	OpIncr     Op = 5
	OpMGet     Op = 6
	OpDBSize   Op = 7
	OpAnnounce Op = 8 // a leader tells where its clients connect; see announcer
)

// Condition restricts a SET.
type Condition uint8

// The values are in the log.
const (
	Always    Condition = 0
	IfMissing Condition = 1 // NX
	IfPresent Condition = 2 // XX
)

// Command is what the log carries. Which fields count depends on Op.
type Command struct {
	Op        Op
	Condition Condition     // OpSet
	ReturnOld bool          // OpSet: answer the value before
	Node      engine.NodeID // OpAnnounce
	Key       string        // OpSet, OpGet, OpIncr
	Value     string        // OpSet; the address in OpAnnounce
	Keys      []string      // OpDel, OpExists, OpMGet
}

// firstKey returns the key that decides the command's hash slot; false for a command without keys.
func (c Command) firstKey() (string, bool) {
	switch c.Op {
	case OpSet, OpGet, OpIncr:
		return c.Key, true
	case OpDel, OpExists, OpMGet:
		return c.Keys[0], true
	default:
		return "", false
	}
}

// readsOnly reports whether the command leaves the data as it is.
func (c Command) readsOnly() bool {
	switch c.Op {
	case OpGet, OpExists, OpMGet, OpDBSize:
		return true
	default:
		return false
	}
}

// size returns about how many bytes the command takes in the log.
func (c Command) size() int {
	n := len(c.Key) + len(c.Value)
	for _, key := range c.Keys {
		n += len(key)
	}
	return n
}

// Value is a string that may be missing.
type Value struct {
	Text    string
	Present bool
}

// Failure says why a command changed nothing although it was applied.
type Failure uint8

// The failures of INCR.
const (
	NoFailure  Failure = 0
	NotInteger Failure = 1
	Overflow   Failure = 2
)

// Result is what a [Command] answers. Which fields count depends on the command's Op.
type Result struct {
	Failure Failure
	Number  int64   // OpDel, OpExists, OpDBSize: a count; OpIncr: the new value; OpSet: 1 if stored
	Value   Value   // OpGet; OpSet with ReturnOld
	Values  []Value // OpMGet, in the order of Keys
}
