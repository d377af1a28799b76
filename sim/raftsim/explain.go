package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/yggr-go/yggr/sim"
)

const (
	shrinkingRuns = 300 // to find a small schedule
	traceTail     = 150 // lines of the trace that are printed
)

// explain prints what is needed to understand a failure: the seed, the schedule shrunk to what fails in the same way, how
// to run that again, and the end of its trace.
func explain(w io.Writer, options sim.Options, failed sim.Result) {
	fmt.Fprintf(w, "\nseed %d fails after %d steps and %d injections: %v\n", options.Seed, failed.Steps, len(failed.Injected), failed.Err)
	small, result := sim.Shrink(options, failed, shrinkingRuns)
	fmt.Fprintf(w, "\nshrunk to %d injections (calm: %t): %v\n", len(result.Injected), small.Calm, result.Err)
	for _, i := range result.Injected {
		fmt.Fprintf(w, "%11.3f ms  %5d %s\n", float64(i.At)/1e6, i.Number, i.Kind)
	}
	fmt.Fprintf(w, "\nagain: go run ./sim/raftsim %s\n\nits end:\n", again(small))
	for _, line := range tail(small) {
		fmt.Fprintln(w, line)
	}
}

// again returns the arguments of a run.
func again(o sim.Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-seed %d -nodes %d -steps %d", o.Seed, o.Nodes, o.Steps)
	if o.Calm {
		b.WriteString(" -calm")
	}
	if o.Only != nil {
		b.WriteString(" -only " + numberList(o.Only).String())
	}
	return b.String() + " -trace"
}

// tail returns the end of a run's trace.
func tail(o sim.Options) []string {
	var lines []string
	o.Tell = func(sentence string) {
		if len(lines) == 2*traceTail {
			lines = append(lines[:0], lines[traceTail:]...)
		}
		lines = append(lines, sentence)
	}
	sim.Run(o)
	return lines[max(0, len(lines)-traceTail):]
}

// numberList is a flag of numbers with commas between them; "none" is an empty list.
type numberList []int

// String implements flag.Value.
func (l numberList) String() string {
	if l != nil && len(l) == 0 {
		return "none"
	}
	numbers := make([]string, len(l))
	for i, n := range l {
		numbers[i] = strconv.Itoa(n)
	}
	return strings.Join(numbers, ",")
}

// Set implements flag.Value.
func (l *numberList) Set(text string) error {
	*l = numberList{}
	if text == "none" {
		return nil
	}
	for number := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(number)
		if err != nil {
			return fmt.Errorf("%q is no number", number)
		}
		*l = append(*l, n)
	}
	return nil
}
