// Command mutants shows that the tests would notice if a known bug came back. It takes lists of mutations, each of
// which re-introduces one in a few words of code, applies them one at a time to a copy of the tree, and runs the tests
// of the package until one fails. A mutation that no test notices survives; then a test is missing.
//
//	cd tools && go run ./mutants                     all lists in this folder
//	cd tools && go run ./mutants -only R7            those of one rule
//	cd tools && go run ./mutants -only 'own tail'    those with this in their name
//
// The table on stdout depends on the tree and the flags alone; times go to stderr. The exit code is 1 if a mutation
// survives, does not fit its place any more, does not compile, or is refused by vet or the linter. The working tree is
// only read.
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
	root    string // of the tree
	only    string // a rule, or part of a name; empty: all
	list    bool
	lint    bool
	linter  string
	workers int
	seeds   int    // of the random cluster
	layers  string // comma-separated; empty: all
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
	flag.StringVar(&o.layers, "layers", "", "layers of tests to run, separated by commas; empty: all")
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
	return judgeAll(ctx, root, o, mutations)
}

// matches reports whether the mutation is meant: its rule is the word, or its name contains it.
func (m *mutation) matches(word string) bool {
	return word == "" || m.rule == word || strings.Contains(m.name, word)
}
