package actors

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

func TestDelayedBatchesAnswerEveryCaller(t *testing.T) {
	c := newCluster(t, 3)
	c.adjust = func(cfg *Config) { cfg.MaxBatchDelayTicks, cfg.MaxBatchEntries = 2, 10 }
	c.startAll()
	leader := c.leader()
	var callers sync.WaitGroup
	for range 37 {
		callers.Go(func() {
			_, err := leader.Write(context.Background(), 1)
			require.NoError(t, err)
		})
	}
	callers.Wait()
	sum, err := leader.Write(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, 37, sum)
}

func TestHeldBatchesAreAnsweredWhateverEnds(t *testing.T) {
	c := newCluster(t, 1)
	c.adjust = func(cfg *Config) { cfg.MaxBatchDelayTicks, cfg.MaxBatchEntries = 1<<30, 1<<20 }
	n := c.start(1, NewCluster{Members: c.members})
	c.eventually(func() bool {
		status, err := n.Status(t.Context())
		return err == nil && status.Role == engine.Leader
	})
	results := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := n.Write(context.Background(), 1)
			results <- err
		}()
	}
	c.eventually(func() bool {
		m, err := n.NodeMetrics(t.Context())
		return err == nil && m.Pending == 3
	})
	require.NoError(t, n.core.system.Root.StopFuture(n.PID()).Wait())
	for range 3 {
		err := <-results
		require.True(t, errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrShutdown), "%v", err)
	}
}

// A batch that is refused at once is answered before those that are held.
func TestRefusedBatchOvertakesHeldOnes(t *testing.T) {
	d := &driver{}
	var answers []error
	ask := func(id int) *proposal {
		return &proposal{commands: [][]byte{{1}}, reply: answerFunc(func(err error) { answers = append(answers, err) }), use: uint64(id)}
	}
	d.inquire(&naturalBatch{proposals: []*proposal{ask(1)}})
	d.inquire(&naturalBatch{proposals: []*proposal{ask(2)}})
	d.refuse(2, ErrBusy)
	require.Equal(t, []error{ErrBusy}, answers)
	d.accepted(&engine.ProposalAccepted{ID: 1, First: 7, Term: 3, Count: 1})
	require.Equal(t, 1, d.waiters.len())
	require.Panics(t, func() { d.refuse(2, ErrBusy) }, "nothing is answered twice")
}

// answerFunc is a reply port that hears of the end only.
type answerFunc func(err error)

func (answerFunc) put(uint64, int, any)         {}
func (f answerFunc) finish(_ uint64, err error) { f(err) }
