// Command benchsnapshot measures a snapshot on its way: three processes with a state that is generated, a fourth one that
// joins and gets it, while writes go on. See the README of this module.
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if task, found := os.LookupEnv(nodeVariable); found {
		os.Exit(exitCode(runNode(ctx, task, os.Stdin, os.Stdout), os.Stderr))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the flags.
type options struct {
	megabytes int64
	dir       string
}

// run is the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("benchsnapshot", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Int64Var(&o.megabytes, "mib", 1024, "size of the state")
	f.StringVar(&o.dir, "dir", os.TempDir(), "a directory on the disk to measure on; everything made in it is removed")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	return exitCode(bench(ctx, o, stdout, stderr), stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "benchsnapshot: %v\n", err)
	return 1
}
