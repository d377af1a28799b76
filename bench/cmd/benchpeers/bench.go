package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/yggr-go/yggr/bench/disk"
	"github.com/yggr-go/yggr/bench/hops"
	"github.com/yggr-go/yggr/bench/report"
	"github.com/yggr-go/yggr/bench/workload"
)

// attempts is how often a point is tried in a round before the program gives up. A leader that is lost to a stall of
// the machine makes an attempt void; the table tells how many.
const attempts = 3

// bench does what the options say and prints the table, also of what was done before a failure.
func bench(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	root, err := os.MkdirTemp(o.dir, "benchpeers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	if err := disk.Check(root); err != nil {
		return err
	}
	for _, dir := range []string{o.profiles, o.traces} {
		if err := makeDir(dir); err != nil {
			return err
		}
	}
	describe(o, stdout)
	if o.hops {
		if err := hops.Print(ctx, root, stdout); err != nil {
			return err
		}
	}
	r := report.New()
	err = rounds(ctx, o, root, r, stderr)
	report.WriteLoad(stdout, "after")
	return errors.Join(err, r.WriteText(stdout), writeCSV(o.csv, r))
}

func makeDir(dir string) error {
	if dir == "" {
		return nil
	}
	return os.MkdirAll(dir, 0o755)
}

func describe(o options, stdout io.Writer) {
	points := len(o.systems) * len(o.clients) * len(o.sizes) * o.rounds
	fmt.Fprintf(stdout, "%s, %s/%s, %d CPUs, files in %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.dir)
	fmt.Fprintf(stdout, "%d rounds of %v after %v, %d points in all, each in a process of its own; at least %v\n",
		o.rounds, o.measure, o.warmUp, points, (time.Duration(points) * (o.measure + o.warmUp)).Round(time.Second))
	report.WriteLoad(stdout, "before")
}

// rounds measures everything once a round, the systems next to each other, so that what disturbs the machine for a
// while disturbs them all. The order changes from round to round: nobody always comes first.
func rounds(ctx context.Context, o options, root string, r *report.Report, stderr io.Writer) error {
	for round := range o.rounds {
		order := slices.Clone(o.systems)
		shift := round % len(order)
		order = append(order[shift:], order[:shift]...)
		for _, size := range o.sizes {
			for _, clients := range o.clients {
				for _, name := range order {
					t := o.task(name, workload.Point{Clients: clients, Size: size}, round)
					if err := measure(ctx, t, root, r, stderr); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// measure adds the result of one task to the report.
func measure(ctx context.Context, t task, root string, r *report.Report, stderr io.Writer) error {
	key := report.Key{System: t.System, Point: t.Point}
	var problems error
	for range attempts {
		result, err := t.inProcess(ctx, root, stderr)
		if err == nil {
			r.Add(key, result)
			fmt.Fprintf(stderr, "round %d  %-10s C=%-5d %5d B  %9.0f writes/s  p50 %v\n",
				t.Round, t.System, t.Point.Clients, t.Point.Size, result.PerSecond(), result.P50)
			return nil
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if errors.Is(err, workload.ErrWrong) {
			return err
		}
		r.AddVoid(key)
		problems = errors.Join(problems, err)
	}
	return problems
}

func writeCSV(path string, r *report.Report) (err error) {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.WriteCSV(f)
}
