package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const (
	patience = time.Minute          // ends a test that waits for what never comes
	tickle   = 5 * time.Millisecond // between two looks
)

// TestMain lets the test binary be the child process too.
func TestMain(m *testing.M) {
	if task, ok := os.LookupEnv(taskVariable); ok {
		os.Exit(runTask(context.Background(), task, os.Stdin, os.Stdout, os.Stderr))
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

// Every system, through processes of their own, into a table, a CSV file and a profile.
func TestBench(t *testing.T) {
	t.Parallel()
	dir, output := t.TempDir(), t.TempDir()
	csv := filepath.Join(output, "all.csv")
	var names []string
	for _, s := range systems {
		names = append(names, s.Name)
	}
	var b buffers
	code := b.run(t.Context(), "-dir", dir, "-systems", strings.Join(names, ","), "-clients", "2", "-size", "16,1024",
		"-rounds", "1", "-seconds", "0.05", "-warmup", "0.01", "-csv", csv, "-cpuprofile", output, "-trace", output)
	require.Equal(t, exitOK, code, b.stderr.String())
	requireEmpty(t, dir)
	for _, name := range names {
		require.Contains(t, b.stdout.String(), " "+name+" ")
	}
	written, err := os.ReadFile(csv)
	require.NoError(t, err)
	require.Equal(t, 1+2*len(names), bytes.Count(written, []byte("\n")))
	for _, file := range []string{"yggr-c2-16b-r1.pprof", "yggr-c2-1024b-r1.trace"} {
		require.FileExists(t, filepath.Join(output, file))
	}
	require.NoFileExists(t, filepath.Join(output, "floor-c2-16b-r1.pprof"))
}

// An interrupt ends the child too, and nothing is left.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, interrupt := context.WithCancelCause(t.Context())
	var b buffers
	done := make(chan int, 1)
	go func() {
		done <- b.run(ctx, "-dir", dir, "-systems", "floor", "-clients", "1", "-seconds", "60", "-rounds", "1")
	}()
	require.Eventually(t, func() bool {
		found, err := filepath.Glob(filepath.Join(dir, "benchpeers-*", "floor-*", "n3"))
		return err == nil && len(found) == 1
	}, patience, tickle)
	interrupt(errors.New("interrupt"))
	require.Equal(t, exitFailure, <-done)
	require.Contains(t, b.stderr.String(), "interrupted")
	requireEmpty(t, dir)
}

func TestWrongFlags(t *testing.T) {
	for flags, complaint := range map[string]string{
		"-systems paxos":  `no system is called "paxos"`,
		"-clients 0":      `-clients "0"`,
		"-clients 1,x":    `-clients "1,x"`,
		"-size 15":        `-size "15"`,
		"-rounds 0":       "-rounds 0",
		"-seconds 0":      "-seconds must be positive",
		"-unknown":        "-unknown",
		"-rounds 1 extra": `"extra"`,
	} {
		var b buffers
		require.Equal(t, exitUsage, b.run(t.Context(), strings.Fields(flags)...), flags)
		require.Contains(t, b.stderr.String(), complaint)
		require.Empty(t, b.stdout.String())
	}
}

func TestMissingDirectory(t *testing.T) {
	var b buffers
	require.Equal(t, exitFailure, b.run(t.Context(), "-dir", filepath.Join(t.TempDir(), "missing")))
	require.Contains(t, b.stderr.String(), "missing")
}
