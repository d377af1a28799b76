package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

// taskVariable is set in the environment of a child process: it runs that task and nothing else. A process of its
// own gives each point a fresh heap and makes its CPU time that of the system alone.
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

// inProcess runs the task in a child process, below root. The child ends when its standard input does, so it does not
// outlive this process, however that ends.
func (t task) inProcess(ctx context.Context, root string, stderr io.Writer) (result workload.Result, err error) {
	if t.Dir, err = os.MkdirTemp(root, t.System+"-"); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, remove(t.Dir)) }()
	executable, err := os.Executable()
	if err != nil {
		return result, err
	}
	encoded, err := json.Marshal(t)
	if err != nil {
		return result, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.WarmUp+t.Measure+overtime)
	defer cancel()
	child := exec.CommandContext(ctx, executable)
	child.Env = append(os.Environ(), taskVariable+"="+string(encoded))
	child.Stderr = stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		return result, err
	}
	child.Cancel = stdin.Close
	child.WaitDelay = overtime
	output, err := child.Output()
	if err != nil {
		return result, t.explain(err)
	}
	return result, json.Unmarshal(output, &result)
}

// remove removes a directory durably: the file system must not be busy with it when the next point is measured.
func remove(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// explain turns the child's exit code into what it means.
func (t task) explain(err error) error {
	err = fmt.Errorf("%s, C=%d, %d B, round %d: %w", t.System, t.Point.Clients, t.Point.Size, t.Round, err)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitWrong {
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
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel(errors.New("the parent process has ended"))
	}()
	result, err := perform(ctx, encoded)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(result)
	}
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
