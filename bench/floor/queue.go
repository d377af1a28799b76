package floor

import "sync"

// queue holds the clients that wait for a batch. Any goroutine adds; one takes.
type queue struct {
	mu     sync.Mutex
	items  []*request
	closed bool
	wake   chan struct{} // holds one
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push reports false when the queue is closed.
func (q *queue) push(r *request) bool {
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.items = append(q.items, r)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return !closed
}

// take moves at most n of those who wait to dst.
func (q *queue) take(dst []*request, n int) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.items))
	dst = append(dst, q.items[:n]...)
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	return dst
}

// close refuses everybody from now on, those who wait included.
func (q *queue) close(reason error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	refuse(q.items, reason)
	q.items = nil
}

func refuse(waiting []*request, reason error) {
	for _, r := range waiting {
		r.done <- outcome{err: reason}
	}
}
