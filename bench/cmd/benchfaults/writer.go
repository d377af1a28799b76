package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
)

// writeInterval is between two writes of the light load.
const writeInterval = 10 * time.Millisecond

// writer writes to whichever of the parent's nodes leads, one command at a time, until it is stopped.
type writer struct {
	nodes []*yggr.Replica
	done  sync.WaitGroup

	// Of its goroutine while it runs.
	latencies    []time.Duration // of acknowledged writes
	acknowledged workload.State  // Order is unused
	unknown      uint64          // writes of which nobody knows whether they were applied
	refused      uint64          // writes that were certainly not
}

// start begins to write. It goes on until the context ends; then wait returns.
func (w *writer) start(ctx context.Context) { w.done.Go(func() { w.run(ctx) }) }

func (w *writer) wait() { w.done.Wait() }

func (w *writer) run(ctx context.Context) {
	ticker := time.NewTicker(writeInterval)
	defer ticker.Stop()
	for id := uint64(1); ; id++ {
		select {
		case <-ticker.C:
			w.write(workload.Command{Add: 1, ID: id, Size: commandSize})
		case <-ctx.Done():
			return
		}
	}
}

// write tries the nodes in turn until one takes the command. A write that was begun is waited for, so that at the end
// every command is known to be acknowledged, refused or unknown.
func (w *writer) write(command workload.Command) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, node := range w.nodes {
		begin := time.Now()
		_, err := node.Write(ctx, command)
		switch {
		case err == nil:
			w.latencies = append(w.latencies, time.Since(begin))
			w.acknowledged.Value += command.Add
			w.acknowledged.Commands++
			w.acknowledged.IDs += command.ID
			return
		case errors.Is(err, actors.ErrNotLeader) || errors.Is(err, actors.ErrNoLeader):
			continue
		}
		w.unknown++
		return
	}
	w.refused++
}
