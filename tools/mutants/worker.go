package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxMemory bounds what a test may take, in KiB: a mutation may well make something grow for ever.
const maxMemory = 8 << 20

// worker has a copy of the tree and judges one mutation in it at a time.
type worker struct {
	options
	tree string // the copy
	temp string // for everything that the tools leave lying

	builder *worker        // has programs with mutations in them, for all workers
	numbers map[string]int // of those mutations, by name
}

// newWorker copies the tree to a new folder.
func newWorker(root, folder string, o options) (*worker, error) {
	w := &worker{options: o, tree: filepath.Join(folder, "tree"), temp: filepath.Join(folder, "temp")}
	if err := os.MkdirAll(w.temp, 0o755); err != nil {
		return nil, err
	}
	return w, copyTree(root, w.tree)
}

// copyTree copies a tree, but for folders whose names begin with a dot.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch {
		case entry.IsDir() && relative != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

// judge applies the mutation, finds out who notices, and takes it back.
func (w *worker) judge(ctx context.Context, m *mutation) (verdict, error) {
	name := filepath.Join(w.tree, filepath.FromSlash(m.file))
	source, err := os.ReadFile(name)
	if err != nil {
		return verdict{outcome: refused, by: fmt.Sprintf("there is no %s", m.file)}, nil
	}
	mutated, err := m.apply(source)
	if err != nil {
		return verdict{outcome: refused, by: firstLine(err.Error())}, nil
	}
	if err := os.WriteFile(name, mutated, 0o644); err != nil {
		return verdict{}, err
	}
	v, err := w.examine(ctx, m)
	return v, errors.Join(err, os.WriteFile(name, source, 0o644))
}

// examine holds the mutation's package, as it is now, to vet and the linter, then to its tests, and to the simulator.
func (w *worker) examine(ctx context.Context, m *mutation) (verdict, error) {
	v := verdict{outcome: unasked}
	if w.layers != simulatorLayer {
		var err error
		if v, err = w.test(ctx, m); err != nil || v.outcome == refused {
			return v, err
		}
	}
	if !w.wants(simulatorLayer) {
		return v, nil
	}
	seeds := w.simSeeds
	if m.hidden != "" {
		seeds = min(seeds, outOfReachSeeds)
	}
	s, complaint, err := w.simulate(ctx, m, seeds)
	if complaint != "" {
		return verdict{outcome: refused, by: complaint}, err
	}
	v.sweep = s
	return v, err
}

// test runs the layers of the package's tests until one notices.
func (w *worker) test(ctx context.Context, m *mutation) (verdict, error) {
	builder, number := w.builderOf(m)
	if builder == w {
		if complaint, err := w.build(ctx, m.folder()); err != nil || complaint != "" {
			return verdict{outcome: refused, by: complaint}, err
		}
	}
	layers, err := w.layersFor(m)
	if err != nil {
		return verdict{}, err
	}
	for _, l := range layers {
		args := append([]string{"-test.failfast", "-test.timeout=" + l.timeout.String()}, l.args...)
		command := limited(number, 2*l.timeout, builder.binary(m.folder()), args...)
		output, ok, err := w.call(ctx, filepath.Join(w.tree, filepath.FromSlash(m.folder())), command...)
		if err != nil {
			return verdict{}, err
		}
		if !ok {
			return readFailure(l.name, output), nil
		}
	}
	return verdict{outcome: survived}, nil
}

// builderOf returns who has built the programs with the mutation in them, and its number there; the worker itself if the
// mutation has to be built alone.
func (w *worker) builderOf(m *mutation) (*worker, int) {
	if number := w.numbers[m.name]; number != 0 {
		return w.builder, number
	}
	return w, 0
}

// binary returns where a program of the worker is.
func (w *worker) binary(name string) string {
	return filepath.Join(w.temp, strings.ReplaceAll(name, "/", "-"))
}

// build builds the tests of a package, or returns what the compiler, vet or the linter has against it.
func (w *worker) build(ctx context.Context, folder string) (complaint string, err error) {
	steps := [][]string{{"go", "vet", "./" + folder}, {"go", "test", "-c", "-vet=off", "-ldflags=-w", "-o", w.binary(folder), "./" + folder}}
	if w.lint {
		steps = slices.Insert(steps, 1, []string{w.linter, "run", "--allow-parallel-runners", "./" + folder})
	}
	for _, step := range steps {
		output, ok, err := w.call(ctx, w.tree, step...)
		if err != nil || !ok {
			return firstLine(output), err
		}
	}
	return "", nil
}

// limited is a program with one of its mutations that may take only so much time and memory.
func limited(mutation int, limit time.Duration, binary string, args ...string) []string {
	command := fmt.Sprintf(`ulimit -v %d; %s=%d exec timeout %.0f "$0" "$@"`, maxMemory, mutantVariable, mutation, limit.Seconds())
	return append([]string{"bash", "-c", command, binary}, args...)
}

// call runs a command and returns what it printed, and whether it was content. An error means that it could not be run,
// or that the context has ended.
func (w *worker) call(ctx context.Context, folder string, command ...string) (output string, ok bool, err error) {
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Dir = folder
	c.Env = append(os.Environ(), "TMPDIR="+w.temp)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // the go command clears up behind itself
	c.WaitDelay = 10 * time.Second
	printed, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", false, ctx.Err()
	case err == nil:
		return string(printed), true, nil
	case errors.As(err, &exit):
		return string(printed), false, nil
	}
	return "", false, err
}
