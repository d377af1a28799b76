package etcd

import (
	"slices"
	"sync"
)

// fifo is the queue of proposals that wait for their commit. One goroutine uses it.
type fifo struct {
	items []*proposal
	head  int
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(batch []*proposal) {
	if f.head > 0 && f.head >= len(f.items)/2 {
		rest := copy(f.items, f.items[f.head:])
		clear(f.items[rest:])
		f.items, f.head = f.items[:rest], 0
	}
	f.items = append(f.items, batch...)
}

// pop removes the first n; the result belongs to the caller.
func (f *fifo) pop(n int) []*proposal {
	n = min(n, f.len())
	if n == 0 {
		return nil
	}
	first := slices.Clone(f.items[f.head : f.head+n])
	f.head += n
	return first
}

// queue hands work to a goroutine that takes all of it at once.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	wake  chan struct{} // holds one
}

func newQueue[T any]() *queue[T] { return &queue[T]{wake: make(chan struct{}, 1)} }

func (q *queue[T]) push(items ...T) {
	q.mu.Lock()
	q.items = append(q.items, items...)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for work and returns all of it, false once stopping is closed. The slice given is used again.
func (q *queue[T]) take(done []T, stopping <-chan struct{}) ([]T, bool) {
	clear(done)
	select {
	case <-q.wake:
	case <-stopping:
		return nil, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.items
	q.items = done[:0]
	return taken, true
}

// drain returns what waits, without waiting for it.
func (q *queue[T]) drain() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := q.items
	q.items = nil
	return left
}
