// Command benchpeers measures yggr beside its peers and the physical floor: the same clients, counter, disk and
// loopback network for each. See the README of this module.
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
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // no result
	exitUsage   = 2
	exitWrong   = 3 // a system is wrong: its replicas do not hold what was acknowledged
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if task, ok := os.LookupEnv(taskVariable); ok {
		os.Exit(runTask(ctx, task, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "benchpeers: %v (see -help)\n", err)
		return exitUsage
	}
	if err := bench(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "benchpeers: %v\n", err)
		return exitCode(err)
	}
	return exitOK
}
