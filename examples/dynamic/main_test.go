package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Real processes grow, change and shrink under load, and nothing is lost.
func TestDynamicCluster(t *testing.T) {
	use := settings{clients: 4, writes: 30}
	if raceDetector {
		use.build = []string{"-race"}
	}
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), use, &stdout, &stderr)
	t.Log(stdout.String())
	require.Zero(t, code, stderr.String())
	requireNothingLeft(t)
	for _, step := range (&scenario{}).steps() {
		require.Contains(t, stdout.String(), step.name)
	}
	require.Contains(t, stdout.String(), "Nothing acknowledged is lost")
}

func requireNothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "dynamic-*"))
	require.NoError(t, err)
	require.Empty(t, left, "files are removed")
}

// A run that is interrupted fails, and leaves nothing behind.
func TestInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Setenv("TMPDIR", t.TempDir())
	out := &onLine{then: cancel}
	require.Equal(t, 1, run(ctx, settings{clients: 2, writes: 1}, out, out))
	requireNothingLeft(t)
	require.Contains(t, out.text.String(), "context canceled")
}

// onLine calls a function with the first line that is written.
type onLine struct {
	then func()
	text bytes.Buffer
}

func (o *onLine) Write(p []byte) (int, error) {
	o.then()
	return o.text.Write(p)
}
