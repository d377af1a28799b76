package hops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/yggr-go/yggr/bench/floor"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
)

// What Print does.
const (
	warmUp      = 200  // writes that are not counted
	writes      = 2000 // writes that are
	commandSize = 16
	nameWidth   = 40
)

// names of the hops, in their order.
var names = [...]string{
	"client calls → leader sends the entry",
	"leader sends → follower has it",
	"follower has it → begins to write",
	"follower writes and syncs",
	"sync returned → answer leaves",
	"answer leaves → leader has it",
	"leader has it → applied",
	"applied → client goes on",
}

// sample is one write.
type sample struct {
	hops     [len(names)]time.Duration
	total    time.Duration
	ownStart time.Duration // client calls → leader begins to write
	ownDisk  time.Duration // leader writes and syncs
	ownLate  time.Duration // the leader's sync returns that much after the first answer came
}

// errNoSamples: the nodes do not do what the recorder looks for.
var errNoSamples = errors.New("hops: no write was seen whole")

// Print measures single writes below dir and prints the medians, and beside them what the parts cost bare.
func Print(ctx context.Context, dir string, w io.Writer) (err error) {
	if dir, err = os.MkdirTemp(dir, "hops-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	samples, err := measure(ctx, dir, warmUp, writes)
	if err != nil {
		return err
	}
	parts, err := floor.MeasureParts(dir)
	if err != nil {
		return err
	}
	return errors.Join(printSamples(w, samples), printParts(w, parts))
}

// measure returns the writes that were seen whole.
func measure(ctx context.Context, dir string, skip, count int) (samples []sample, err error) {
	var r recorder
	cluster, err := yggr.StartWrapped(ctx, dir, r.wrap())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	for i := range skip + count {
		r.start(cluster.Leader())
		command := workload.Command{Add: 1, ID: uint64(i), Size: commandSize}
		if _, err := cluster.Write(ctx, command); err != nil {
			return nil, err
		}
		if s, ok := r.finish(); ok && i >= skip {
			samples = append(samples, s)
		}
	}
	if len(samples) == 0 {
		return nil, errNoSamples
	}
	return samples, nil
}

func printSamples(w io.Writer, samples []sample) error {
	fmt.Fprintf(w, "\nOne write, hop by hop (yggr, C=1, %d bytes, %d writes; the follower that answered first)\n", commandSize, len(samples))
	t := newTable(w)
	for i, name := range names {
		t.row(name, quantiles(samples, func(s sample) time.Duration { return s.hops[i] }))
	}
	t.row("all of it", quantiles(samples, func(s sample) time.Duration { return s.total }))
	fmt.Fprintf(t, "%-*s\t\t\t\n", nameWidth, "meanwhile:")
	t.row("client calls → leader begins to write", quantiles(samples, func(s sample) time.Duration { return s.ownStart }))
	t.row("leader writes and syncs", quantiles(samples, func(s sample) time.Duration { return s.ownDisk }))
	t.row("first answer → leader's sync returned", quantiles(samples, func(s sample) time.Duration { return s.ownLate }))
	return t.Flush()
}

func printParts(w io.Writer, p floor.Parts) error {
	fmt.Fprintln(w, "\nThe parts bare")
	t := newTable(w)
	t.row("4 KiB write + fdatasync, one file", p.OneFile)
	t.row("the same on three files at once, each", p.ThreeFiles)
	t.row("TCP round trip, 64 bytes", p.RoundTrip)
	return t.Flush()
}

// table has a name and two figures a row.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)}
	fmt.Fprintf(t, "%-*s\tp50 µs\tp99 µs\t\n", nameWidth, "")
	return t
}

func (t table) row(name string, q floor.Quantiles) {
	fmt.Fprintf(t, "%-*s\t%.1f\t%.1f\t\n", nameWidth, name, micros(q.P50), micros(q.P99))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func quantiles(samples []sample, figure func(sample) time.Duration) floor.Quantiles {
	figures := make([]time.Duration, len(samples))
	for i, s := range samples {
		figures[i] = figure(s)
	}
	slices.Sort(figures)
	return floor.QuantilesOf(figures)
}
