package main

import (
	"slices"
	"sync"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// witness sees what the transport hands to a node.
type witness struct {
	mu                    sync.Mutex
	last                  time.Time // when a leader's message came
	gaps                  []time.Duration
	firstChunk, lastChunk time.Time
}

// network wraps a network so that the witness sees what arrives.
func (w *witness) network(inner remote.Network) remote.Network { return watched{inner, w} }

type watched struct {
	remote.Network
	witness *witness
}

// NewTransport implements [remote.Network].
func (n watched) NewTransport(local remote.Hello) (remote.Transport, error) {
	inner, err := n.Network.NewTransport(local)
	return watchedTransport{inner, n.witness}, err
}

type watchedTransport struct {
	remote.Transport
	witness *witness
}

// Start implements [remote.Transport].
func (t watchedTransport) Start(handler remote.Handler) error {
	return t.Transport.Start(watchedHandler{handler, t.witness})
}

type watchedHandler struct {
	remote.Handler
	witness *witness
}

// Deliver implements [remote.Handler].
func (h watchedHandler) Deliver(from engine.Peer, message engine.Message, size int) {
	switch message.(type) {
	case *engine.Heartbeat, *engine.AppendEntries:
		h.witness.heard(time.Now())
	default:
	}
	h.Handler.Deliver(from, message, size)
}

// DeliverChunk implements [remote.Handler].
func (h watchedHandler) DeliverChunk(from engine.Peer, chunk *remote.Chunk) {
	h.witness.chunk(time.Now())
	h.Handler.DeliverChunk(from, chunk)
}

func (w *witness) heard(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() {
		w.gaps = append(w.gaps, now.Sub(w.last))
	}
	w.last = now
}

func (w *witness) chunk(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.firstChunk.IsZero() {
		w.firstChunk = now
	}
	w.lastChunk = now
}

// forget begins anew with gaps.
func (w *witness) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gaps = w.gaps[:0]
}

// tell completes a report.
func (w *witness) tell(r *nodeReport) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Stream = w.lastChunk.Sub(w.firstChunk)
	sorted := slices.Sorted(slices.Values(w.gaps))
	if len(sorted) > 0 {
		r.Gaps, r.GapP99, r.GapMax = len(sorted), sorted[len(sorted)*99/100], sorted[len(sorted)-1]
	}
}
