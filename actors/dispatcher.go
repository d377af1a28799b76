package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// throughput is how many messages an actor handles before its mailbox yields to the dispatcher.
const throughput = 256

// pool runs mailbox turns on parked goroutines, last parked first, so that stacks stay grown and caches warm.
// A goroutine started for each wake-up costs five times as much, most of it growing its stack.
//
// The pool never blocks and never refuses: without a parked goroutine it starts one. After close, goroutines end
// with their turn.
type pool struct {
	mu     sync.Mutex
	parked []*worker
	limit  int // goroutines kept parked
	closed bool
}

var _ actor.Dispatcher = (*pool)(nil)

type worker struct{ turns chan func() }

func newPool(limit int) *pool { return &pool{limit: limit} }

// Throughput implements actor.Dispatcher.
func (p *pool) Throughput() int { return throughput }

// Schedule implements actor.Dispatcher.
func (p *pool) Schedule(turn func()) {
	p.mu.Lock()
	if n := len(p.parked); n > 0 {
		w := p.parked[n-1]
		p.parked[n-1] = nil
		p.parked = p.parked[:n-1]
		p.mu.Unlock()
		w.turns <- turn
		return
	}
	p.mu.Unlock()
	w := &worker{turns: make(chan func(), 1)}
	go p.work(w, turn)
}

func (p *pool) work(w *worker, turn func()) {
	for {
		turn()
		if !p.park(w) {
			return
		}
		next, open := <-w.turns
		if !open {
			return
		}
		turn = next
	}
}

func (p *pool) park(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.parked) >= p.limit {
		return false
	}
	p.parked = append(p.parked, w)
	return true
}

// close lets every parked goroutine end.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, w := range p.parked {
		close(w.turns)
	}
	p.parked = nil
}
