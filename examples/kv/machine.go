package main

import (
	"math"
	"strconv"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// machine is the replicated state: a map, and who announced which client address. Its snapshots are in snapshot.go.
type machine struct {
	data      *shards
	directory *directory
}

// definition returns the state machine whose announcements are readable through dir.
func definition(dir *directory) statemachine.Definition[Command, Result] {
	return statemachine.Definition[Command, Result]{
		New:   func() statemachine.Machine[Command, Result] { return newMachine(dir) },
		Codec: codec{},
	}
}

func newMachine(dir *directory) *machine {
	dir.reset()
	return &machine{data: newShards(), directory: dir}
}

// Apply implements [statemachine.Machine]. It depends on nothing but the commands before.
func (m *machine) Apply(ctx statemachine.ApplyContext, c Command) Result {
	switch c.Op {
	case OpSet:
		return m.set(c)
	case OpDel:
		return Result{Number: m.del(c.Keys)}
	case OpIncr:
		return m.incr(c.Key)
	case OpAnnounce:
		m.directory.record(c.Node, announcement{Term: engine.Term(ctx.Term), Address: c.Value})
		return Result{}
	case OpGet, OpExists, OpMGet, OpDBSize: // in logs of builds whose reads went through them
		return m.look(c)
	}
	return Result{}
}

// look answers a command that changes nothing.
func (m *machine) look(c Command) Result {
	switch c.Op {
	case OpGet:
		return Result{Value: m.get(c.Key)}
	case OpExists:
		return Result{Number: m.exists(c.Keys)}
	case OpMGet:
		return Result{Values: m.mget(c.Keys)}
	case OpDBSize:
		return Result{Number: int64(m.data.len())}
	default:
		return Result{}
	}
}

// lookAll answers several at one point of the history.
func (m *machine) lookAll(commands []Command) []Result {
	results := make([]Result, len(commands))
	for i, c := range commands {
		results[i] = m.look(c)
	}
	return results
}

func (m *machine) get(key string) Value {
	text, present := m.data.get(key)
	return Value{Text: text, Present: present}
}

func (m *machine) set(c Command) Result {
	var r Result
	if c.Condition != Always || c.ReturnOld {
		old := m.get(c.Key)
		if c.ReturnOld {
			r.Value = old
		}
		if c.Condition == IfMissing && old.Present || c.Condition == IfPresent && !old.Present {
			return r
		}
	}
	m.data.set(c.Key, c.Value)
	r.Number = 1
	return r
}

func (m *machine) del(keys []string) int64 {
	before := m.data.len()
	for _, key := range keys {
		m.data.remove(key)
	}
	return int64(before - m.data.len())
}

// exists counts a key as often as it is named, as Redis does.
func (m *machine) exists(keys []string) int64 {
	var n int64
	for _, key := range keys {
		if _, present := m.data.get(key); present {
			n++
		}
	}
	return n
}

// incr takes a missing key for zero and refuses every text that is not the canonical form of a number.
func (m *machine) incr(key string) Result {
	text, present := m.data.get(key)
	var n int64
	if present {
		var err error
		n, err = strconv.ParseInt(text, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != text {
			return Result{Failure: NotInteger}
		}
	}
	if n == math.MaxInt64 {
		return Result{Failure: Overflow}
	}
	m.data.set(key, strconv.FormatInt(n+1, 10))
	return Result{Number: n + 1}
}

func (m *machine) mget(keys []string) []Value {
	values := make([]Value, len(keys))
	for i, key := range keys {
		values[i] = m.get(key)
	}
	return values
}
