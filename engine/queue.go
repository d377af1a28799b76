package engine

// queue is a first-in first-out list that reuses its memory: adding and taking cost O(1) amortised and, once it
// has grown to its working size, allocate nothing.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

// at returns the i-th item from the front; the pointer is valid until the next push.
func (q *queue[T]) at(i int) *T { return &q.items[q.head+i] }

func (q *queue[T]) front() *T { return q.at(0) }

func (q *queue[T]) back() *T { return &q.items[len(q.items)-1] }

func (q *queue[T]) push(item T) {
	if q.head > 0 && len(q.items) == cap(q.items) && q.head >= len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *queue[T]) pop() {
	q.head++
	if q.head == len(q.items) {
		q.clear()
	}
}

func (q *queue[T]) clear() { q.items, q.head = q.items[:0], 0 }
