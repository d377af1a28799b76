package testkit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

// Journal is a state machine of yours: it keeps lines, and answers each with its number.
type Journal struct{ Lines []string }

func (j *Journal) Apply(_ statemachine.ApplyContext, line string) int {
	j.Lines = append(j.Lines, line)
	return len(j.Lines)
}

// LineCodec turns a line into bytes and back.
type LineCodec struct{}

func (LineCodec) Encode(dst []byte, line string) ([]byte, error) { return append(dst, line...), nil }
func (LineCodec) Decode(data []byte) (string, error)             { return string(data), nil }

// A state machine on three nodes, one of which loses its power. All of it happens on this goroutine and in virtual time,
// and the same seed makes it happen again.
func Example() {
	t := new(testing.T) // in a test it is there already
	journal := statemachine.Definition[string, int]{
		New:   func() statemachine.Machine[string, int] { return &Journal{} },
		Codec: LineCodec{},
	}
	c := testkit.NewCluster(t, journal, testkit.Options{Seed: 1})
	fmt.Println("line", c.Write("the wind rises"))

	leader := c.AwaitLeader()
	c.Crash(leader)
	fmt.Println("line", c.Write("a mast breaks")) // by another leader

	c.Restart(leader)
	c.AwaitApplied()
	for _, id := range c.Nodes() {
		fmt.Println(id, strings.Join(c.Machine(id).(*Journal).Lines, ", "))
	}
	// Output:
	// line 1
	// line 2
	// n1 the wind rises, a mast breaks
	// n2 the wind rises, a mast breaks
	// n3 the wind rises, a mast breaks
}
