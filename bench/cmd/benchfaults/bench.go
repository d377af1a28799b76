package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/yggr-go/yggr/bench/disk"
	"github.com/yggr-go/yggr/bench/report"
)

// patience is what may take its time without being measured: to start, to elect, to converge, to stop.
const patience = time.Minute

// errInterrupted is told where the user ended the run.
var errInterrupted = errors.New("interrupted")

// bench does what the options say and prints the tables, also of what was done before a failure.
func bench(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	root, err := os.MkdirTemp(o.dir, "benchfaults-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	if err := disk.Check(root); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s, %s/%s, %d CPUs, files in %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.dir)
	report.WriteLoad(stdout, "before")
	stderr = &shared{w: stderr}
	err = errors.Join(blackHoles(ctx, o, root, stdout, stderr), restarts(ctx, o, root, stdout, stderr))
	report.WriteLoad(stdout, "after")
	if ctx.Err() != nil {
		return errInterrupted // whatever else went wrong came of it
	}
	return err
}

// shared is an output of this process and of its children.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// blackHoles measures all pairs.
func blackHoles(ctx context.Context, o options, root string, stdout, stderr io.Writer) error {
	if o.pairs == 0 {
		return nil
	}
	fmt.Fprintf(stdout, "%d pairs of %v after %v, each run in a process of its own, all links through a proxy\n", o.pairs, o.measure, o.warmUp)
	r := report.NewBlackHoles(commandSize)
	err := pairs(ctx, o, root, r, stderr)
	return errors.Join(err, r.WriteText(stdout))
}

// restarts measures all restarts.
func restarts(ctx context.Context, o options, root string, stdout, stderr io.Writer) error {
	if o.restarts == 0 || ctx.Err() != nil {
		return nil
	}
	r, err := newRestarts()
	if err != nil {
		return err
	}
	err = restartFollower(ctx, o, root, r, stderr)
	return errors.Join(err, r.WriteText(stdout))
}
