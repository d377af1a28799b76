package workload_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/bench/workload"
)

// toy is a cluster without disk or network, that can be wrong on purpose.
type toy struct {
	mu       sync.Mutex
	counters [workload.Replicas]workload.Counter
	writes   atomic.Int64
	wrong    func(t *toy, write int64, command workload.Command) (replicas []int, value uint64, err error)
	stopped  atomic.Bool
}

func (t *toy) Write(_ context.Context, command workload.Command) (value uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	write := t.writes.Add(1)
	replicas := []int{0, 1, 2}
	var answer uint64
	if t.wrong != nil {
		if replicas, answer, err = t.wrong(t, write, command); err != nil {
			return 0, err
		}
	}
	for _, i := range replicas {
		v := t.counters[i].Apply(command)
		if i == 0 {
			value = v
		}
	}
	return max(value, answer), nil
}

func (t *toy) Counters() (counters [workload.Replicas]*workload.Counter) {
	for i := range counters {
		counters[i] = &t.counters[i]
	}
	return counters
}

func (t *toy) Syncs() (count uint64, known bool) { return 0, false }

func (t *toy) Stop() error {
	t.stopped.Store(true)
	return nil
}

func (t *toy) system() workload.System {
	start := func(context.Context, string) (workload.Cluster, error) { return t, nil }
	return workload.System{Name: "toy", Start: start}
}

func TestRunForATime(t *testing.T) {
	var cluster toy
	var around []string
	o := workload.Options{
		WarmUp: time.Millisecond, Measure: 20 * time.Millisecond,
		Around: func() (func() error, error) {
			around = append(around, "begin")
			return func() error {
				around = append(around, "end")
				return nil
			}, nil
		},
	}
	result, err := workload.Run(t.Context(), cluster.system(), t.TempDir(), workload.Point{Clients: 3, Size: 16}, o)
	require.NoError(t, err)
	require.Positive(t, result.Writes)
	require.LessOrEqual(t, result.Writes, uint64(cluster.writes.Load()))
	require.GreaterOrEqual(t, result.Elapsed, o.Measure)
	require.Positive(t, result.PerSecond())
	require.False(t, result.SyncsKnown)
	require.Equal(t, []string{"begin", "end"}, around)
	require.True(t, cluster.stopped.Load())
}

// A system that is wrong has no result, however fast it is.
func TestWrongSystemsAreFound(t *testing.T) {
	const size, writes = 16, 10
	all := []int{0, 1, 2}
	for name, wrong := range map[string]func(t *toy, write int64, c workload.Command) ([]int, uint64, error){
		"a write is acknowledged and lost": func(_ *toy, write int64, _ workload.Command) ([]int, uint64, error) {
			if write == writes {
				return nil, 1000, nil
			}
			return all, 0, nil
		},
		"a write is applied twice": func(t *toy, write int64, c workload.Command) ([]int, uint64, error) {
			if write == 3 {
				for i := range t.counters {
					t.counters[i].Apply(c)
				}
			}
			return all, 0, nil
		},
		"one is lost and another doubled": func(t *toy, write int64, _ workload.Command) ([]int, uint64, error) {
			if write == 3 {
				for i := range t.counters {
					t.counters[i].Apply(workload.Command{Add: 1, ID: 1, Size: size})
				}
				return nil, t.counters[0].State().Value, nil
			}
			return all, 0, nil
		},
		"the answer does not grow": func(_ *toy, write int64, _ workload.Command) ([]int, uint64, error) {
			if write == 2 {
				return all[1:], 0, nil
			}
			return all, 0, nil
		},
		"a follower has too much": func(t *toy, write int64, c workload.Command) ([]int, uint64, error) {
			if write == 4 {
				t.counters[2].Apply(c)
			}
			return all, 0, nil
		},
		"a follower has another order": func(t *toy, write int64, c workload.Command) ([]int, uint64, error) {
			switch write {
			case 5:
				t.counters[1].Apply(workload.Command{Add: 1, ID: c.ID + 1, Size: size})
				return []int{0, 2}, 0, nil
			case 6:
				t.counters[1].Apply(workload.Command{Add: 1, ID: c.ID - 1, Size: size})
				return []int{0, 2}, 0, nil
			}
			return all, 0, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := &toy{wrong: wrong}
			_, err := workload.Run(t.Context(), cluster.system(), t.TempDir(), workload.Point{Clients: 1, Size: size}, workload.Options{Writes: writes})
			require.ErrorIs(t, err, workload.ErrWrong)
			require.True(t, cluster.stopped.Load())
		})
	}
}

// The first error ends the run: the clients do not go on without a leader.
func TestAnErrorEndsTheRun(t *testing.T) {
	lost := errors.New("lost")
	cluster := &toy{wrong: func(_ *toy, write int64, _ workload.Command) ([]int, uint64, error) {
		if write == 7 {
			return nil, 0, lost
		}
		return []int{0, 1, 2}, 0, nil
	}}
	o := workload.Options{Measure: patience}
	_, err := workload.Run(t.Context(), cluster.system(), t.TempDir(), workload.Point{Clients: 1, Size: 16}, o)
	require.ErrorIs(t, err, lost)
	require.NotErrorIs(t, err, workload.ErrWrong)
}

func TestRunRefusesWhatIsNoLoad(t *testing.T) {
	for _, p := range []workload.Point{{Clients: 0, Size: 16}, {Clients: 1, Size: 15}, {Clients: 1, Size: workload.MaxSize() + 1}} {
		cluster := &toy{}
		_, err := workload.Run(t.Context(), cluster.system(), t.TempDir(), p, workload.Options{Writes: 1})
		require.ErrorContains(t, err, "not a load")
		require.True(t, cluster.stopped.Load())
	}
}

func TestCommandBytes(t *testing.T) {
	for _, size := range []int{workload.MinSize, 17, 1024} {
		command := workload.Command{Add: 3, ID: 1<<40 | 5, Size: size}
		data := command.Bytes()
		require.Len(t, data, size)
		parsed, err := workload.ParseCommand(data)
		require.NoError(t, err)
		require.Equal(t, command, parsed)
	}
	_, err := workload.ParseCommand(make([]byte, workload.MinSize-1))
	require.ErrorIs(t, err, workload.ErrShortCommand)
}
