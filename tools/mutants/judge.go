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
func judgeAll(ctx context.Context, root string, o options, mutations []mutation) (err error) {
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	var workers []*worker
	for i := range max(1, min(o.workers, len(mutations))) {
		w, err := newWorker(root, filepath.Join(temp, strconv.Itoa(i)), o)
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	if err := workers[0].expectSound(ctx, mutations); err != nil {
		return err
	}
	started := time.Now()
	t := newTable(mutations)
	err = shareOut(ctx, workers, mutations, t.add)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d mutations in %v\n", len(mutations), time.Since(started).Round(time.Second))
	return t.end()
}

// expectSound refuses to judge anything in a tree whose own tests fail: they would fail with every mutation.
func (w *worker) expectSound(ctx context.Context, mutations []mutation) error {
	var seen []string
	for i := range mutations {
		m := &mutations[i]
		if slices.Contains(seen, m.folder()) {
			continue
		}
		seen = append(seen, m.folder())
		started := time.Now()
		v, err := w.examine(ctx, m)
		if err != nil {
			return err
		}
		if v.outcome != survived {
			return fmt.Errorf("%s fails without any mutation: %v", m.folder(), v)
		}
		fmt.Fprintf(os.Stderr, "%s passes without a mutation in %v\n", m.folder(), time.Since(started).Round(time.Second))
	}
	return nil
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
