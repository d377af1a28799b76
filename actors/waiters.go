package actors

import "github.com/yggr-go/yggr/engine"

// waiter is a proposal that was appended and is not answered yet.
type waiter struct {
	ticket
	first engine.Index
	term  engine.Term
}

func (w *waiter) position() engine.Position { return engine.Position{Term: w.term, Index: w.first} }

func (w *waiter) last() engine.Index { return w.first + engine.Index(w.count) - 1 }

// waiters are the driver's waiters in log order. A waiter leaves it once: handed to the apply actor together
// with its first entry, or failed when leadership or node ends. Whoever took it answers it.
type waiters struct {
	queue []waiter
	head  int
}

func (w *waiters) len() int { return len(w.queue) - w.head }

// add appends a waiter. A leader appends at its tail, so indexes rise.
func (w *waiters) add(item waiter) {
	if w.head == len(w.queue) {
		w.queue, w.head = w.queue[:0], 0
	}
	w.queue = append(w.queue, item)
}

// take removes and returns the waiters whose first entry is at or below last. The result is the caller's.
func (w *waiters) take(last engine.Index) []waiter {
	end := w.head
	for end < len(w.queue) && w.queue[end].first <= last {
		end++
	}
	if end == w.head {
		return nil
	}
	taken := append([]waiter(nil), w.queue[w.head:end]...)
	clear(w.queue[w.head:end])
	w.head = end
	w.compact()
	return taken
}

// compact moves the rest to the front when most of the queue is used up.
func (w *waiters) compact() {
	if w.head < 1024 || w.head*2 < len(w.queue) {
		return
	}
	n := copy(w.queue, w.queue[w.head:])
	clear(w.queue[n:])
	w.queue, w.head = w.queue[:n], 0
}

// fail answers every waiter that is left with OutcomeUnknown.
func (w *waiters) fail(cause error) { w.failBut(cause, func(*waiter) bool { return false }) }

// failBut is fail for all but those who stay.
func (w *waiters) failBut(cause error, stays func(*waiter) bool) {
	kept := w.queue[:0]
	for i := w.head; i < len(w.queue); i++ {
		item := w.queue[i]
		if stays(&item) {
			kept = append(kept, item)
		} else {
			item.answer(unknown(item.position(), cause))
		}
	}
	clear(w.queue[len(kept):])
	w.queue, w.head = kept, 0
}
