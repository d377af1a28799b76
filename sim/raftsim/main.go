// Command raftsim runs the simulator: one seed, or a sweep over many.
//
//	go run ./sim/raftsim -seed 42 -nodes 5 -steps 2000          one run; -trace tells it in words
//	go run ./sim/raftsim -seeds 20000                           many, on all cores
//
// What it prints on stdout depends on the arguments only; timings go to stderr. A failure prints the seed, the schedule
// shrunk to what is needed for it, and the end of the trace; the exit status is 1 then.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/yggr-go/yggr/sim"
)

// arguments are what a user asks for.
type arguments struct {
	seed      uint64
	seeds     int
	nodes     int
	steps     int
	trace     bool
	only      numberList
	calm      bool
	first     bool
	processes int
}

func parse() (a arguments) {
	flag.Uint64Var(&a.seed, "seed", 1, "the seed, or the first of a sweep")
	flag.IntVar(&a.seeds, "seeds", 0, "how many seeds to sweep; 0: run one")
	flag.IntVar(&a.nodes, "nodes", 0, "how many founders; 0: each seed decides, one to seven")
	flag.IntVar(&a.steps, "steps", 2000, "how many events are given to engines before everything has to work")
	flag.BoolVar(&a.trace, "trace", false, "tell everything that happens, in words")
	flag.Var(&a.only, "only", "the injections of the schedule that happen, such as 3,17 or none; all by default")
	flag.BoolVar(&a.calm, "calm", false, "nothing happens to single messages, disks and clocks by chance")
	flag.BoolVar(&a.first, "first", false, "end a sweep at the lowest seed that fails, and tell only which that is and why")
	flag.IntVar(&a.processes, "p", runtime.NumCPU(), "how many seeds to run at a time")
	flag.Parse()
	return a
}

func main() {
	debug.SetGCPercent(1600) // the heap of a run is small, and collecting it seldom is faster
	a := parse()
	failed := false
	if a.seeds > 0 {
		failed = sweep(a, os.Stdout, os.Stderr)
	} else {
		failed = one(a, os.Stdout, os.Stderr)
	}
	if failed {
		os.Exit(1)
	}
}

func (a arguments) options(seed uint64) sim.Options {
	return sim.Options{Seed: seed, Nodes: a.nodes, Steps: a.steps, Only: a.only, Calm: a.calm}
}

// one runs one seed and reports whether it failed.
func one(a arguments, stdout, stderr io.Writer) bool {
	options := a.options(a.seed)
	if a.trace {
		options.Tell = func(sentence string) { fmt.Fprintln(stdout, sentence) }
	}
	timer := begin()
	result := sim.Run(options)
	timer.report(stderr, result.Steps)
	if result.Err != nil {
		explain(stdout, options, result)
	} else {
		fmt.Fprint(stdout, result.Counters.String())
	}
	fmt.Fprintf(stdout, "seed %d: %d steps, hash %016x\n", a.seed, result.Steps, result.Hash)
	return result.Err != nil
}
