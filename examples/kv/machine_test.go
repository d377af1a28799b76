package main

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

func apply(m *machine, c Command) Result {
	return m.Apply(statemachine.ApplyContext{Index: 1, Term: 1}, c)
}

func TestSetConditions(t *testing.T) {
	stored := Result{Number: 1}
	m := newMachine(&directory{})
	for _, step := range []struct {
		name    string
		command Command
		want    Result
		after   Value
	}{
		{"XX on nothing", Command{Condition: IfPresent, Value: "a"}, Result{}, Value{}},
		{"NX on nothing", Command{Condition: IfMissing, Value: "b"}, stored, Value{"b", true}},
		{"NX on something", Command{Condition: IfMissing, Value: "c"}, Result{}, Value{"b", true}},
		{"NX GET on something", Command{Condition: IfMissing, ReturnOld: true, Value: "c"}, Result{Value: Value{"b", true}}, Value{"b", true}},
		{"XX on something", Command{Condition: IfPresent, Value: "d"}, stored, Value{"d", true}},
		{"GET, and an empty value is a value", Command{ReturnOld: true}, Result{Number: 1, Value: Value{"d", true}}, Value{"", true}},
	} {
		step.command.Op, step.command.Key = OpSet, "k"
		require.Equal(t, step.want, apply(m, step.command), step.name)
		require.Equal(t, step.after, apply(m, Command{Op: OpGet, Key: "k"}).Value, step.name)
	}
}

func TestIncrement(t *testing.T) {
	for value, want := range map[string]Result{
		"":                                   {Failure: NotInteger},
		"0":                                  {Number: 1},
		"-1":                                 {Number: 0},
		"41":                                 {Number: 42},
		"007":                                {Failure: NotInteger},
		"+1":                                 {Failure: NotInteger},
		" 1":                                 {Failure: NotInteger},
		"-0":                                 {Failure: NotInteger},
		"1.5":                                {Failure: NotInteger},
		"ten":                                {Failure: NotInteger},
		"99999999999999999999":               {Failure: NotInteger},
		strconv.FormatInt(math.MaxInt64, 10): {Failure: Overflow},
	} {
		m := newMachine(&directory{})
		apply(m, Command{Op: OpSet, Key: "n", Value: value})
		require.Equal(t, want, apply(m, Command{Op: OpIncr, Key: "n"}), "%q", value)
		after := apply(m, Command{Op: OpGet, Key: "n"}).Value.Text
		if want.Failure != NoFailure {
			require.Equal(t, value, after, "a refused increment changes nothing")
		} else {
			require.Equal(t, strconv.FormatInt(want.Number, 10), after)
		}
	}
	m := newMachine(&directory{})
	require.Equal(t, Result{Number: 1}, apply(m, Command{Op: OpIncr, Key: "missing"}))
}

func TestManyKeys(t *testing.T) {
	m := newMachine(&directory{})
	apply(m, Command{Op: OpSet, Key: "a", Value: "1"})
	apply(m, Command{Op: OpSet, Key: "b", Value: "2"})
	require.Equal(t, int64(2), apply(m, Command{Op: OpDBSize}).Number)
	require.Equal(t, []Value{{"1", true}, {}, {"2", true}}, apply(m, Command{Op: OpMGet, Keys: []string{"a", "x", "b"}}).Values)
	require.Equal(t, int64(3), apply(m, Command{Op: OpExists, Keys: []string{"a", "a", "x", "b"}}).Number, "named twice counts twice")
	require.Equal(t, int64(1), apply(m, Command{Op: OpDel, Keys: []string{"a", "a", "x"}}).Number, "deleted once counts once")
	require.Equal(t, int64(1), apply(m, Command{Op: OpDBSize}).Number)
}

func TestAnnouncementsAreReadOutside(t *testing.T) {
	dir := &directory{}
	m := newMachine(dir)
	m.Apply(statemachine.ApplyContext{Index: 9, Term: 4}, Command{Op: OpAnnounce, Node: 2, Value: "h:1"})
	before := dir.all()
	m.Apply(statemachine.ApplyContext{Index: 10, Term: 5}, Command{Op: OpAnnounce, Node: 2, Value: "h:2"})
	require.Equal(t, map[engine.NodeID]announcement{2: {Term: 4, Address: "h:1"}}, before, "a reader's view does not change")
	require.Equal(t, map[engine.NodeID]announcement{2: {Term: 5, Address: "h:2"}}, dir.all())
	newMachine(dir)
	require.Empty(t, dir.all(), "a fresh machine knows nobody")
}
