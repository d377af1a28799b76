package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// simulator is the name of the last layer. It is run whether or not a test has noticed the mutation before.
const simulatorLayer = "simulator"

const (
	sweepPart       = 100             // seeds that one process of the simulator runs
	outOfReachSeeds = 100             // to see that a mutation which is said to be out of reach is
	sweepLimit      = 5 * time.Minute // for one process: a mutation may well make a seed run for ever
)

// sweep is what the simulator says to a mutation.
type sweep struct {
	seeds  int    // how many were run until one failed, that one included, or how many passed
	by     string // the property that did not hold; empty: every seed passed
	caught bool   // a property did not hold: neither time nor memory ran out
}

// String is the sweep as the table shows it.
func (s *sweep) String() string {
	switch {
	case s == nil:
		return ""
	case s.by == "":
		return fmt.Sprintf("none of %d", s.seeds)
	case !s.caught:
		return fmt.Sprintf("%s within %d", s.by, s.seeds)
	}
	return fmt.Sprintf("%d: %s", s.seeds, s.by)
}

// firstFailed finds the line of raftsim -first: the seed, and what did not hold.
var firstFailed = regexp.MustCompile(`(?m)^seed (\d+): (?:check: )?([^:\n]+)`)

// compileSimulator builds the simulator in the tree as it is now, or returns what the compiler has against that.
func (w *worker) compileSimulator(ctx context.Context) (complaint string, err error) {
	output, ok, err := w.call(ctx, w.tree, "go", "build", "-ldflags=-s -w", "-o", w.binary(simulatorLayer), "./sim/raftsim")
	if err != nil || !ok {
		return firstLine(output), err
	}
	return "", nil
}

// simulate runs the seeds from 1 on until one fails. It returns what the compiler has against the mutation instead, if it
// has anything.
func (w *worker) simulate(ctx context.Context, m *mutation, seeds int) (result *sweep, complaint string, err error) {
	builder, number := w.builderOf(m)
	if builder == w {
		if complaint, err = w.compileSimulator(ctx); complaint != "" || err != nil {
			return nil, complaint, err
		}
	}
	for first := 1; first <= seeds; first += sweepPart {
		count := min(sweepPart, seeds-first+1)
		command := limited(number, sweepLimit, builder.binary(simulatorLayer), "-first", "-p=1", fmt.Sprintf("-seed=%d", first), fmt.Sprintf("-seeds=%d", count))
		output, ok, err := w.call(ctx, w.temp, command...)
		if err != nil {
			return nil, "", err
		}
		if !ok {
			return readSweep(output, first+count-1), "", nil
		}
	}
	return &sweep{seeds: seeds}, "", nil
}

// readSweep tells from what the simulator printed which seed failed. If it was stopped that is one up to last.
func readSweep(output string, last int) *sweep {
	match := firstFailed.FindStringSubmatch(output)
	if match == nil {
		return &sweep{seeds: last, by: "stopped by a limit"}
	}
	seed, _ := strconv.Atoi(match[1]) // digits, and a seed of this sweep
	return &sweep{seeds: seed, by: match[2], caught: true}
}
