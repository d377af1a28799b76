// Command mutants shows that the tests would notice if a known bug came back. It takes lists of mutations, each of
// which re-introduces one in a few words of code, applies them one at a time to a copy of the tree, and runs the tests
// of the package until one fails. A mutation that no test notices survives; then a test is missing.
//
//	cd tools && go run ./mutants                     all lists in this folder
//	cd tools && go run ./mutants -only R7            those of one rule
//	cd tools && go run ./mutants -only 'own tail'    those with this in their name
//
// The table on stdout depends on the tree and the flags alone; times go to stderr. The exit code is 1 if a mutation
// survives, does not fit its place any more, does not compile, or is refused by vet or the linter.
//
// Behind the tests, whatever they notice, stands the simulator: it runs seeds from 1 on until one fails. For that all
// mutations are built into one program, in which one is chosen when it starts. With -write the results are kept in
// sim/MUTATIONS.md, which is all that is ever written:
//
//	cd tools && go run ./mutants -write                                   all of it: an hour
//	cd tools && go run ./mutants -write -only R7 -layers simulator        what the simulator says of those of one rule
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	root     string // of the tree
	only     string // a rule, or part of a name; empty: all
	list     bool
	lint     bool
	linter   string
	workers  int
	seeds    int    // of the random cluster
	layers   string // comma-separated; empty: all
	write    bool   // sim/MUTATIONS.md
	simSeeds int    // of the simulator
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "..", "the root of the tree")
	flag.StringVar(&o.only, "only", "", "a rule, or a part of a mutation's name: run these only")
	flag.BoolVar(&o.list, "list", false, "list the mutations and run nothing")
	flag.BoolVar(&o.lint, "lint", false, "hold each mutation to the linter as well")
	flag.StringVar(&o.linter, "linter", "", "golangci-lint; empty: that of make setup")
	flag.IntVar(&o.workers, "workers", 2, "mutations that are judged at the same time")
	flag.IntVar(&o.seeds, "seeds", 300, "seeds of the random cluster")
	flag.IntVar(&o.simSeeds, "simseeds", 2000, "seeds of the simulator at most")
	flag.StringVar(&o.layers, "layers", "", "layers to run, separated by commas, such as cluster,simulator; empty: all")
	flag.BoolVar(&o.write, "write", false, "write what was found to sim/MUTATIONS.md, and keep there what was not asked")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run judges what the lists hold; without names these are the lists beside this file.
func run(ctx context.Context, o options, names []string) error {
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	if o.linter == "" {
		o.linter = filepath.Join(root, ".tools", "bin", "golangci-lint")
	}
	if len(names) == 0 {
		if names, err = filepath.Glob(filepath.Join(root, "tools", "mutants", "*.txt")); err != nil {
			return err
		}
	}
	mutations, err := readLists(names)
	if err != nil {
		return err
	}
	if err := knownLayers(o.layers); err != nil {
		return err
	}
	all := slices.Clone(mutations)
	mutations = slices.DeleteFunc(mutations, func(m mutation) bool { return !m.matches(o.only) })
	if len(mutations) == 0 {
		return errors.New("no mutation to judge")
	}
	if o.list {
		for _, m := range mutations {
			fmt.Printf("%s: %s (%s)\n", m.rule, m.name, m.file)
		}
		return nil
	}
	t, err := judgeAll(ctx, root, o, mutations)
	if err != nil {
		return err
	}
	if o.write {
		err = writeDocument(root, all, t.verdicts)
	}
	return errors.Join(err, t.end())
}

// matches reports whether the mutation is meant: its rule is the word, or its name contains it.
func (m *mutation) matches(word string) bool {
	return word == "" || m.rule == word || strings.Contains(m.name, word)
}
