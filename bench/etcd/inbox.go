package etcd

import (
	"sync"

	"go.etcd.io/raft/v3/raftpb"
)

// work is what waits for the goroutine that owns the RawNode.
type work struct {
	messages    []raftpb.Message // from peers, from the log and from the machine, in order of arrival
	proposals   []*proposal
	unreachable []uint64 // peers to which messages were lost
	tick        bool     // however late: one tick
	campaign    bool
}

// reset empties w and keeps its memory.
func (w *work) reset() {
	clear(w.messages)
	clear(w.proposals)
	*w = work{messages: w.messages[:0], proposals: w.proposals[:0], unreachable: w.unreachable[:0]}
}

// inbox collects work. Any goroutine may add to it; one takes.
type inbox struct {
	mu     sync.Mutex
	next   work
	closed bool
	wake   chan struct{} // holds one
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// add changes the waiting work and wakes the owner.
func (b *inbox) add(change func(w *work)) {
	b.mu.Lock()
	change(&b.next)
	b.mu.Unlock()
	b.signal()
}

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// propose is add without a closure, for the hot path. It reports false when the inbox is closed.
func (b *inbox) propose(p *proposal) bool {
	b.mu.Lock()
	closed := b.closed
	if !closed {
		b.next.proposals = append(b.next.proposals, p)
	}
	b.mu.Unlock()
	b.signal()
	return !closed
}

// close refuses proposals from now on and returns those that wait.
func (b *inbox) close() []*proposal {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.next.proposals
}

// deliver is add without a closure, for the hot path.
func (b *inbox) deliver(messages []raftpb.Message) {
	if len(messages) == 0 {
		return
	}
	b.mu.Lock()
	b.next.messages = append(b.next.messages, messages...)
	b.mu.Unlock()
	b.signal()
}

// take returns everything that waits. The work given is emptied and collects from now on.
func (b *inbox) take(done work) work {
	done.reset()
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.next
	b.next = done
	return taken
}
