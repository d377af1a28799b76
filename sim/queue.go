package sim

import "github.com/yggr-go/yggr/engine"

// event is something that will happen at a point of virtual time.
type event struct {
	at    engine.Instant
	order uint64 // among those of the same time: as they were put in
	node  *node  // whom it happens to; nil: to the world. It waits while the node is paused
	life  int    // of the node, and void in any other; zero: any
	do    func()
}

// before orders events in time.
func (e *event) before(other *event) bool {
	if e.at != other.at {
		return e.at < other.at
	}
	return e.order < other.order
}

// eventQueue is a binary heap of events, the earliest first.
type eventQueue struct {
	events []event
	puts   uint64
}

func (q *eventQueue) put(e event) {
	q.puts++
	e.order = q.puts
	q.events = append(q.events, e)
	for i := len(q.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.events[i].before(&q.events[parent]) {
			return
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

func (q *eventQueue) take() event {
	first, last := q.events[0], len(q.events)-1
	q.events[0], q.events[last] = q.events[last], event{}
	q.events = q.events[:last]
	q.sink()
	return first
}

func (q *eventQueue) sink() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q.events); child++ {
			if q.events[child].before(&q.events[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.events[i], q.events[least] = q.events[least], q.events[i]
		i = least
	}
}
