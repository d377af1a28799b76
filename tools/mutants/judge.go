package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// judgeAll judges the mutations and prints the table, in the order of the lists.
func judgeAll(ctx context.Context, root string, o options, mutations []mutation) (t *table, err error) {
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	var workers []*worker
	for i := range max(1, min(o.workers, len(mutations))) {
		w, err := newWorker(root, filepath.Join(temp, strconv.Itoa(i)), o)
		if err != nil {
			return nil, err
		}
		workers = append(workers, w)
	}
	builder, err := newWorker(root, filepath.Join(temp, "together"), o)
	if err != nil {
		return nil, err
	}
	if !o.lint { // which judges one mutation at a time
		if err := buildAll(ctx, builder, workers, mutations); err != nil {
			return nil, err
		}
	}
	if err := workers[0].expectSound(ctx, mutations); err != nil {
		return nil, err
	}
	started := time.Now()
	t = newTable(mutations)
	err = shareOut(ctx, workers, mutations, t.add)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "%d mutations in %v\n", len(mutations), time.Since(started).Round(time.Second))
	return t, nil
}

// buildAll builds every program that is needed, with all mutations in it, for all workers. If they do not go together each
// worker has to build each mutation, which takes much longer.
func buildAll(ctx context.Context, builder *worker, workers []*worker, mutations []mutation) error {
	numbers, err := together(builder.tree, mutations)
	if err != nil {
		return err
	}
	complaint := ""
	for _, folder := range foldersOf(mutations) {
		if complaint == "" && err == nil && builder.layers != simulatorLayer {
			complaint, err = builder.build(ctx, folder)
		}
	}
	if complaint == "" && err == nil && builder.wants(simulatorLayer) {
		complaint, err = builder.compileSimulator(ctx)
	}
	if err != nil {
		return err
	}
	if complaint != "" {
		fmt.Fprintln(os.Stderr, "the mutations cannot be built together:", complaint)
		return nil
	}
	for _, w := range workers {
		w.builder, w.numbers = builder, numbers
	}
	return nil
}

func foldersOf(mutations []mutation) (folders []string) {
	for i := range mutations {
		if folder := mutations[i].folder(); !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// expectSound refuses to judge anything in a tree whose own tests fail, or the simulator: they would fail with every
// mutation.
func (w *worker) expectSound(ctx context.Context, mutations []mutation) error {
	for _, folder := range foldersOf(mutations) {
		started := time.Now()
		if w.layers == simulatorLayer {
			break
		}
		v, err := w.test(ctx, &mutation{file: folder + "/none"})
		if err != nil {
			return err
		}
		if v.outcome != survived {
			return fmt.Errorf("%s fails without any mutation: %v", folder, v)
		}
		fmt.Fprintf(os.Stderr, "%s passes without a mutation in %v\n", folder, time.Since(started).Round(time.Second))
	}
	if !w.wants(simulatorLayer) {
		return nil
	}
	s, complaint, err := w.simulate(ctx, &mutation{}, w.simSeeds)
	if err == nil && (complaint != "" || s.by != "") {
		err = fmt.Errorf("the simulator fails without any mutation: %v%s", s, complaint)
	}
	return err
}

// shareOut lets the workers take the mutations in turn, and hands on the verdicts in order.
func shareOut(ctx context.Context, workers []*worker, mutations []mutation, tell func(*mutation, verdict)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	verdicts := make([]chan verdict, len(mutations))
	next := make(chan int, len(mutations))
	for i := range mutations {
		verdicts[i] = make(chan verdict, 1)
		next <- i
	}
	close(next)
	var group sync.WaitGroup
	defer group.Wait()
	for _, w := range workers {
		group.Go(func() {
			for i := range next {
				started := time.Now()
				v, err := w.judge(ctx, &mutations[i])
				if err != nil {
					cancel(err)
					return
				}
				fmt.Fprintf(os.Stderr, "%6.1f s  %s: %s\n", time.Since(started).Seconds(), mutations[i].rule, mutations[i].name)
				verdicts[i] <- v
			}
		})
	}
	for i := range mutations {
		select {
		case v := <-verdicts[i]:
			tell(&mutations[i], v)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
