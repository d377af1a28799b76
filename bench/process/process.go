// Package process runs parts of a benchmark in processes of their own: this executable again, with its task in the
// environment. A process gives each part a fresh heap and makes its CPU time that of the part alone, and it can be killed.
//
// A child reads its standard input and ends when that does, so it does not outlive its parent, however that ends.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

var errParentGone = errors.New("the parent process has ended")

// Command returns the command that runs this executable with a task in the variable of its environment.
func Command(ctx context.Context, variable string, task any) (*exec.Cmd, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(task)
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, executable)
	child.Env = append(os.Environ(), variable+"="+string(encoded))
	return child, nil
}

// Call runs a task to its end and decodes what it printed into result. When the context ends the child is asked to end
// by the end of its input, and killed when it has not after patience.
func Call(ctx context.Context, variable string, task, result any, patience time.Duration, stderr io.Writer) error {
	child, err := Command(ctx, variable, task)
	if err != nil {
		return err
	}
	child.Stderr = stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		return err
	}
	child.Cancel = stdin.Close
	child.WaitDelay = patience
	output, err := child.Output()
	if err != nil {
		return err
	}
	return json.Unmarshal(output, result)
}

// Serve is the child's side of [Call]: it performs a task until the parent ends its input, and prints the result.
func Serve[R any](ctx context.Context, stdin io.Reader, stdout io.Writer, perform func(ctx context.Context) (R, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel(errParentGone)
	}()
	result, err := perform(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

// ExitCode returns the exit code of the child that err tells of; -1 when err tells of none.
func ExitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}
