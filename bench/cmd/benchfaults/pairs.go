package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/yggr-go/yggr/bench/disk"
	"github.com/yggr-go/yggr/bench/process"
	"github.com/yggr-go/yggr/bench/report"
	"github.com/yggr-go/yggr/bench/workload"
)

// attempts is how often a run is tried before the program gives up: a leader that is lost to a stall of the machine
// makes one void.
const attempts = 3

// pairs lets healthy and black-holed runs follow each other, so that what disturbs the machine for a while disturbs
// both.
func pairs(ctx context.Context, o options, root string, r *report.BlackHoles, stderr io.Writer) error {
	for pair := range o.pairs {
		for _, clients := range o.clients {
			var runs [2]report.BlackHole
			for i, silent := range []bool{false, true} {
				t := pointTask{Clients: clients, Silent: silent, WarmUp: o.warmUp, Measure: o.measure}
				var err error
				if runs[i], err = t.try(ctx, root, r, stderr); err != nil {
					return err
				}
				fmt.Fprintf(stderr, "pair %d  C=%-4d %-11s %9.0f writes/s  p50 %v  p99 %v\n",
					pair+1, clients, t.name(), runs[i].PerSecond(), runs[i].P50, runs[i].P99)
			}
			r.Add(clients, runs[0], runs[1])
		}
	}
	return nil
}

// try repeats a run that is void.
func (t pointTask) try(ctx context.Context, root string, r *report.BlackHoles, stderr io.Writer) (report.BlackHole, error) {
	var problems error
	for range attempts {
		result, err := t.inProcess(ctx, root, stderr)
		if err == nil || ctx.Err() != nil || errors.Is(err, workload.ErrWrong) {
			return result, err
		}
		r.AddVoid(t.Clients, t.Silent)
		problems = errors.Join(problems, err)
	}
	return report.BlackHole{}, problems
}

// inProcess performs the run in a child process, below root.
func (t pointTask) inProcess(ctx context.Context, root string, stderr io.Writer) (result report.BlackHole, err error) {
	if t.Dir, err = os.MkdirTemp(root, "pair-"); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, disk.Remove(t.Dir)) }()
	ctx, cancel := context.WithTimeout(ctx, t.WarmUp+t.Measure+2*patience)
	defer cancel()
	err = process.Call(ctx, pointVariable, t, &result, patience, stderr)
	if err != nil {
		err = fmt.Errorf("%s, C=%d: %w", t.name(), t.Clients, err)
	}
	if process.ExitCode(err) == exitWrong {
		err = errors.Join(workload.ErrWrong, err)
	}
	return result, err
}
