package testkit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// patient is a test that is allowed to fail.
type patient struct {
	testing.TB
	failure string
}

func (p *patient) Fatalf(format string, args ...any) {
	p.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failureOf returns how a test fails.
func failureOf(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	p := &patient{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(p)
	}()
	<-done
	return p.failure
}

type numbers struct{}

func (numbers) Apply(statemachine.ApplyContext, uint64) uint64 { return 0 }
func (numbers) Encode(dst []byte, command uint64) ([]byte, error) {
	return binary.AppendUvarint(dst, command), nil
}

func (numbers) Decode(data []byte) (uint64, error) { n, _ := binary.Uvarint(data); return n, nil }

func (n numbers) definition() statemachine.Definition[uint64, uint64] {
	return statemachine.Definition[uint64, uint64]{
		New: func() statemachine.Machine[uint64, uint64] { return n }, Codec: n,
	}
}

// A checker speaks inside of an actor's turn, and the test ends after that turn, with the seed.
func TestViolationFailsTheTestWithTheSeed(t *testing.T) {
	failure := failureOf(t, func(t testing.TB) {
		c := NewCluster(t, numbers{}.definition(), Options{Seed: 5})
		c.AwaitLeader()
		c.nodes[0].Stepped(&engine.Tick{}, []engine.Action{&engine.PersistHardState{Seq: 1 << 40}}, c.Status(1))
		c.Loop.Settle()
		c.Write(1)
	})
	require.Contains(t, failure, "seed 5")
	require.Contains(t, failure, "check: order contract: n1 numbers a Persist action")
	require.Contains(t, failure, "n3 ")
}

func TestAwaitTellsWhatDidNotComeAndHowEachNodeIs(t *testing.T) {
	failure := failureOf(t, func(t testing.TB) {
		c := NewCluster(t, numbers{}.definition(), Options{Seed: 6})
		c.Network.Partition(1)
		c.Network.Partition(2)
		c.AwaitLeader()
	})
	require.Contains(t, failure, "not enough for a leader that a majority follows (seed 6)")
	require.Contains(t, failure, "n1 pre-candidate")
}

func TestSecondAnswerToAProposalIsAnError(t *testing.T) {
	e := &complaints{TB: t}
	c := NewCluster(e, numbers{}.definition(), Options{})
	r := c.Propose(c.AwaitLeader(), 1)
	c.Await("an answer", r.Done)
	require.Empty(t, e.errors)
	c.take(c.nodes[0], r, 1, nil)
	require.Equal(t, []string{"testkit: n1 answers 1 twice, now with <nil>"}, e.errors)
	require.NoError(t, r.Err())
	require.False(t, errors.Is(r.Err(), ErrDown))
}

// complaints is a test whose errors are looked at.
type complaints struct {
	testing.TB
	errors []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.errors = append(c.errors, fmt.Sprintf(format, args...))
}
