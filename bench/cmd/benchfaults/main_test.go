package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/bench/links"
	"github.com/yggr-go/yggr/bench/report"
	"github.com/yggr-go/yggr/bench/workload"
)

const tickle = 5 * time.Millisecond // between two looks

// TestMain lets the test binary be the child process too.
func TestMain(m *testing.M) {
	if code, ok := runChild(context.Background(), os.Stdin, os.Stdout, os.Stderr); ok {
		os.Exit(code)
	}
	// A race detector that lets every child sleep for a second at its end would be most of what this costs.
	if err := os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// buffers collects what a run prints.
type buffers struct{ stdout, stderr bytes.Buffer }

func (b *buffers) run(ctx context.Context, args ...string) int {
	return run(ctx, args, &b.stdout, &b.stderr)
}

// requireEmpty holds that a run leaves nothing behind.
func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// Both faults, through processes of their own, into tables. Every run verifies the three nodes.
func TestBench(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var b buffers
	code := b.run(t.Context(), "-dir", dir, "-clients", "4", "-pairs", "1", "-measure", "100ms", "-warmup", "10ms",
		"-restarts", "2", "-pause", "50ms")
	require.Equal(t, exitOK, code, b.stderr.String())
	requireEmpty(t, dir)
	for _, line := range []string{
		" healthy ", " black-holed ", "C=4: p99 with a black-holed follower", "2 restarts of a killed follower", "of 2 restarts took longer",
	} {
		require.Contains(t, b.stdout.String(), line)
	}
}

// A silent follower misses what is written meanwhile, and catches up.
func TestTheFollowerIsSilent(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	task := pointTask{Clients: 2, Silent: true, Measure: 100 * time.Millisecond}
	result, err := task.try(t.Context(), t.TempDir(), report.NewBlackHoles(commandSize), &log)
	require.NoError(t, err, log.String())
	require.Positive(t, result.Writes)
	require.GreaterOrEqual(t, result.Missed+uint64(2*task.Clients), result.Writes)
	require.Positive(t, result.CaughtUp)
}

// A follower that is said to be silent and is not makes its run void: the fault has to be one.
func TestAFollowerThatHearsIsNotSilent(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := point{task: pointTask{Clients: 1, Silent: true}, mesh: links.NewMesh()}
	defer p.mesh.Close()
	cluster, err := p.start(ctx, t.TempDir())
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Stop()) }()
	for id := range uint64(3) {
		_, err := cluster.Write(ctx, workload.Command{Add: 1, ID: id, Size: commandSize})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return cluster.Counters()[1].State().Commands == 3 }, patience, tickle)
	require.ErrorContains(t, p.heal(), "only 1 were on their way")
}

// What was acknowledged has to be there, once; what is unknown may be.
func TestTheWriterIsHeldToItsWrites(t *testing.T) {
	state := func(ids ...uint64) (s workload.State) {
		var c workload.Counter
		for _, id := range ids {
			c.Apply(workload.Command{Add: 1, ID: id})
		}
		return c.State()
	}
	acknowledged := workload.State{Value: 2, Commands: 2, IDs: 3}
	sure, unsure := writer{acknowledged: acknowledged}, writer{acknowledged: acknowledged, unknown: 1}
	require.NoError(t, sure.check(state(1, 2)))
	require.NoError(t, unsure.check(state(1, 2)))
	require.NoError(t, unsure.check(state(1, 2, 3)))
	for _, wrong := range []error{
		sure.check(state(1)), sure.check(state(1, 2, 3)), sure.check(state(1, 1)),
		unsure.check(state(1)), unsure.check(state(1, 2, 3, 4)),
	} {
		require.ErrorIs(t, wrong, workload.ErrWrong)
	}
}

// An interrupt ends the processes, and nothing is left.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-pairs", "1", "-measure", "60s", "-restarts", "0"},
		{"-pairs", "0", "-restarts", "1000"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, interrupt := context.WithCancelCause(t.Context())
			var b buffers
			done := make(chan int, 1)
			go func() { done <- b.run(ctx, append(args, "-dir", dir)...) }()
			require.Eventually(t, func() bool {
				found, err := filepath.Glob(filepath.Join(dir, "benchfaults-*", "*", "n3"))
				return err == nil && len(found) == 1
			}, patience, tickle)
			interrupt(errors.New("interrupt"))
			require.Equal(t, exitFailure, <-done)
			require.Contains(t, b.stderr.String(), "interrupted")
			requireEmpty(t, dir)
		})
	}
}

func TestWrongFlags(t *testing.T) {
	for flags, complaint := range map[string]string{
		"-clients 0":     `-clients "0"`,
		"-clients 1,x":   `-clients "1,x"`,
		"-pairs -1":      "-pairs and -restarts",
		"-restarts -1":   "-pairs and -restarts",
		"-measure 0s":    "-measure must be positive",
		"-pause -1s":     "-pause",
		"-unknown":       "-unknown",
		"-pairs 1 extra": `"extra"`,
	} {
		var b buffers
		require.Equal(t, exitUsage, b.run(t.Context(), strings.Fields(flags)...), flags)
		require.Contains(t, b.stderr.String(), complaint)
		require.Empty(t, b.stdout.String())
	}
}

func TestExitCodes(t *testing.T) {
	var out bytes.Buffer
	require.Equal(t, exitOK, exitCode(nil, &out))
	require.Equal(t, exitFailure, exitCode(errDisturbed, &out))
	require.Equal(t, exitWrong, exitCode(fmt.Errorf("C=1: %w", workload.ErrWrong), &out))
}
