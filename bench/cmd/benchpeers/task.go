package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/yggr-go/yggr/bench/disk"
	"github.com/yggr-go/yggr/bench/process"
	"github.com/yggr-go/yggr/bench/workload"
)

// taskVariable is set in the environment of a child process: it runs that task and nothing else.
const taskVariable = "BENCHPEERS_TASK"

// overtime is what a task may take beyond its time: to start, to elect, to converge and to stop.
const overtime = 2 * time.Minute

// task is one point of one system in one round.
type task struct {
	System  string
	Point   workload.Point
	Round   int // from 1
	WarmUp  time.Duration
	Measure time.Duration
	Dir     string // existing and empty
	Profile string // file for a CPU profile, or empty
	Trace   string // file for an execution trace, or empty
}

func (o options) task(system string, p workload.Point, round int) task {
	t := task{System: system, Point: p, Round: round + 1, WarmUp: o.warmUp, Measure: o.measure}
	if slices.Contains(o.profiled, system) {
		name := fmt.Sprintf("%s-c%d-%db-r%d", system, p.Clients, p.Size, t.Round)
		t.Profile = inDir(o.profiles, name+".pprof")
		t.Trace = inDir(o.traces, name+".trace")
	}
	return t
}

func inDir(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

// inProcess runs the task in a child process, below root.
func (t task) inProcess(ctx context.Context, root string, stderr io.Writer) (result workload.Result, err error) {
	if t.Dir, err = os.MkdirTemp(root, t.System+"-"); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, disk.Remove(t.Dir)) }()
	ctx, cancel := context.WithTimeout(ctx, t.WarmUp+t.Measure+overtime)
	defer cancel()
	if err := process.Call(ctx, taskVariable, t, &result, overtime, stderr); err != nil {
		return result, t.explain(err)
	}
	return result, nil
}

// explain turns the child's exit code into what it means.
func (t task) explain(err error) error {
	err = fmt.Errorf("%s, C=%d, %d B, round %d: %w", t.System, t.Point.Clients, t.Point.Size, t.Round, err)
	if process.ExitCode(err) == exitWrong {
		return errors.Join(workload.ErrWrong, err)
	}
	return err
}

func exitCode(err error) int {
	if errors.Is(err, workload.ErrWrong) {
		return exitWrong
	}
	return exitFailure
}

// runTask is the child process.
func runTask(ctx context.Context, encoded string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := process.Serve(ctx, stdin, stdout, func(ctx context.Context) (workload.Result, error) {
		return perform(ctx, encoded)
	})
	if err != nil {
		fmt.Fprintf(stderr, "benchpeers: %v\n", err)
		return exitCode(err)
	}
	return exitOK
}

func perform(ctx context.Context, encoded string) (workload.Result, error) {
	var t task
	if err := json.Unmarshal([]byte(encoded), &t); err != nil {
		return workload.Result{}, err
	}
	system, err := findSystem(t.System)
	if err != nil {
		return workload.Result{}, err
	}
	return workload.Run(ctx, system, t.Dir, t.Point, workload.Options{WarmUp: t.WarmUp, Measure: t.Measure, Around: t.watch})
}
