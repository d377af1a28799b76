package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// maxPipeline is how many writes a client sends at once, at most.
	maxPipeline = 8
	// backOff is how long a client waits at most before it asks another node.
	backOff = 20 * time.Millisecond
)

// addressBook is what clients are told of where the nodes are.
type addressBook struct{ current atomic.Pointer[[]string] }

func (b *addressBook) set(addresses []string) { b.current.Store(&addresses) }

func (b *addressBook) any() string {
	addresses := *b.current.Load()
	return addresses[rand.IntN(len(addresses))]
}

// writer is one client. It writes each key once, and never repeats a write that may have been done.
type writer struct {
	*load
	book   book
	again  []int   // writes that were refused
	target string  // where it connects next; "" for any node
	conn   *client // nil: none
}

// run writes until ctx ends or something happens that must not.
func (w *writer) run(ctx context.Context) {
	defer w.hangUp()
	for ctx.Err() == nil && w.broken.Load() == nil {
		if w.connected(ctx) {
			w.pipeline(ctx)
		}
	}
}

// connected sees to a connection with the target. A node that cannot be reached has certainly got nothing.
func (w *writer) connected(ctx context.Context) bool {
	if w.conn != nil && w.target == w.conn.address {
		return true
	}
	w.hangUp()
	if w.target == "" {
		w.target = w.nodes.any()
	}
	conn, err := dial(w.target)
	if err != nil {
		w.met.add("cannot connect")
		w.tryAnother(ctx)
		return false
	}
	w.conn = conn
	return true
}

// pipeline sends a few writes at once and reads one of them back.
func (w *writer) pipeline(ctx context.Context) {
	numbers := w.next()
	requests := make([][]string, 0, len(numbers))
	for _, number := range numbers {
		requests = append(requests, []string{"INCR", w.book.key(number)})
	}
	if err := w.conn.send(requests...); err != nil {
		w.noReply(ctx, numbers, err)
		return
	}
	var refusals []refusal
	for i, number := range numbers {
		reply, err := w.conn.receive()
		if err != nil {
			w.noReply(ctx, numbers[i:], err)
			return
		}
		if r, isRefusal := reply.(refusal); isRefusal {
			refusals = append(refusals, r)
		}
		w.enter(number, reply)
	}
	if len(refusals) > 0 {
		w.follow(ctx, refusals[len(refusals)-1])
		return
	}
	w.look(ctx, numbers[rand.IntN(len(numbers))])
}

// next returns the writes to send: those that were refused go first.
func (w *writer) next() []int {
	numbers := w.again
	w.again = nil
	for range 1 + rand.IntN(maxPipeline) {
		if len(numbers) < maxPipeline {
			numbers = append(numbers, w.book.begin())
		}
	}
	return numbers
}

// enter notes the answer to a write.
func (w *writer) enter(number int, reply any) {
	switch reply := reply.(type) {
	case int64:
		if reply != 1 {
			w.accuse("%s: the first increment answered %d", w.book.key(number), reply)
		}
		w.book.outcomes[number] = acknowledged
		w.written.Add(1)
	case refusal:
		w.refused(number, reply)
	default:
		w.accuse("%s: answer %v", w.book.key(number), reply)
	}
}

func (w *writer) refused(number int, r refusal) {
	w.met.add(r.kind())
	switch r.kind() {
	case "UNKNOWN":
		w.book.outcomes[number] = unknown
	case "MOVED", "TRYAGAIN":
		w.again = append(w.again, number)
	default:
		w.accuse("%s: a reply that is not documented: %q", w.book.key(number), string(r))
	}
}

// follow goes where a refusal says.
func (w *writer) follow(ctx context.Context, r refusal) {
	switch {
	case r.kind() != "MOVED":
		w.tryAnother(ctx)
	case r.movedTo() == w.conn.address:
		w.accuse("%s sends clients to itself", w.conn.address)
	default:
		w.target = r.movedTo()
	}
}

// noReply notes writes whose end will never be known. That a node closes a connection is documented; that it keeps
// silent for a minute is not.
func (w *writer) noReply(ctx context.Context, numbers []int, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.accuse("%s does not answer", w.conn.address)
	}
	for _, number := range numbers {
		w.met.add("no reply")
		w.book.outcomes[number] = unknown
	}
	w.tryAnother(ctx)
}

// look reads a write that may have been acknowledged: whoever leads by now must know it.
func (w *writer) look(ctx context.Context, number int) {
	reply, err := w.conn.do("GET", w.book.key(number))
	if err != nil {
		w.met.add("no reply to a read")
		w.tryAnother(ctx)
		return
	}
	r, isRefusal := reply.(refusal)
	switch {
	case isRefusal && slices.Contains([]string{"MOVED", "TRYAGAIN"}, r.kind()):
		w.met.add(r.kind() + " to a read")
		w.follow(ctx, r)
	case reply == "1":
		w.reads.Add(1)
	default:
		w.accuse("%s was acknowledged, and reads %v", w.book.key(number), reply)
	}
}

// tryAnother leaves the node and waits a little, so that clients without a leader do not spin.
func (w *writer) tryAnother(ctx context.Context) {
	w.hangUp()
	w.target = ""
	timer := time.NewTimer(rand.N(backOff))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *writer) hangUp() {
	if w.conn != nil {
		w.conn.close()
		w.conn = nil
	}
}
