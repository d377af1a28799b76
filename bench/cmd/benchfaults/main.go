// Command benchfaults measures what yggr makes of two faults: a follower whose packets all vanish, and a follower whose
// process is killed and started again. See the README of this module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/yggr-go/yggr/bench/workload"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // no result
	exitUsage   = 2
	exitWrong   = 3 // the replicas do not hold what was acknowledged
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if code, ok := runChild(ctx, os.Stdin, os.Stdout, os.Stderr); ok {
		os.Exit(code)
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// runChild does what a parent process asks of this one; false when there is none.
func runChild(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) (code int, ok bool) {
	var err error
	if task, found := os.LookupEnv(pointVariable); found {
		err = runPoint(ctx, task, stdin, stdout)
	} else if task, found := os.LookupEnv(nodeVariable); found {
		err = runNode(ctx, task, stdin, stdout)
	} else {
		return exitOK, false
	}
	return exitCode(err, stderr), true
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "benchfaults: %v (see -help)\n", err)
		return exitUsage
	}
	return exitCode(bench(ctx, o, stdout, stderr), stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "benchfaults: %v\n", err)
	if errors.Is(err, workload.ErrWrong) {
		return exitWrong
	}
	return exitFailure
}
