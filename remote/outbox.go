package remote

import (
	"sync"

	"github.com/yggr-go/yggr/engine"
)

// maxControlBytes bounds the control lane. Its messages are below 64 bytes and each peer answers what it gets, so
// only a peer that reads nothing for long can fill it. What carries commands goes the way of entries.
const maxControlBytes = 256 << 10

// outbox is what waits for one peer, bounded in bytes, in two lanes: votes, heartbeats and answers leave before
// entries, and no amount of entries can crowd them out.
//
// Of several heartbeats only the newest is worth sending, and so of the answers to heartbeats: a newer one takes
// the place of the one that still waits.
type outbox struct {
	ready chan struct{} // has a token when there may be something to take

	mu              sync.Mutex
	control         lane
	entries         lane
	heartbeat       int // where the waiting heartbeat stands in control; -1: none
	heartbeatAnswer int
}

func newOutbox(maxEntryBytes int) *outbox {
	return &outbox{
		ready:   make(chan struct{}, 1),
		control: lane{limit: maxControlBytes}, entries: lane{limit: maxEntryBytes},
		heartbeat: -1, heartbeatAnswer: -1,
	}
}

// push queues a message whose frame has the given size. It reports whether there was room, and whether nothing else
// waits. It wakes nobody: the caller writes the message itself or signals.
func (o *outbox) push(message engine.Message, size int) (queued, alone bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	alone = o.empty()
	return o.route(laneItem{message, size}), alone
}

func (o *outbox) empty() bool {
	return o.control.head == len(o.control.items) && o.entries.head == len(o.entries.items)
}

func (o *outbox) route(item laneItem) bool {
	switch item.message.(type) {
	case *engine.AppendEntries, *engine.ProposalForward, *engine.ProposalForwardResult:
		return o.entries.push(item)
	case *engine.Heartbeat:
		return o.control.replace(&o.heartbeat, item)
	case *engine.HeartbeatResponse:
		return o.control.replace(&o.heartbeatAnswer, item)
	default:
	}
	return o.control.push(item)
}

// remind puts the token back if anything waits: a connection that broke may have left something.
func (o *outbox) remind() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.empty() {
		o.signal()
	}
}

func (o *outbox) signal() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// take appends to batch the whole control lane and then entries up to about entryBytes, at least one message of
// them.
func (o *outbox) take(batch []engine.Message, entryBytes int) []engine.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch = o.control.pop(batch, o.control.limit)
	o.heartbeat, o.heartbeatAnswer = -1, -1
	return o.entries.pop(batch, entryBytes)
}

// clear drops everything, the token too, and returns how many messages that was.
func (o *outbox) clear() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.ready:
	default:
	}
	dropped := o.control.clear() + o.entries.clear()
	o.heartbeat, o.heartbeatAnswer = -1, -1
	return dropped
}

// lane is a first-in-first-out queue bounded in bytes of frames.
type lane struct {
	limit int
	bytes int
	items []laneItem
	head  int // items before it are taken
}

type laneItem struct {
	message engine.Message
	size    int // of its frame
}

func (l *lane) push(item laneItem) bool {
	if l.bytes+item.size > l.limit {
		return false
	}
	l.items = append(l.items, item)
	l.bytes += item.size
	return true
}

// replace puts item where *slot points, or at the end when it points nowhere.
func (l *lane) replace(slot *int, item laneItem) bool {
	if *slot >= 0 {
		l.bytes += item.size - l.items[*slot].size
		l.items[*slot] = item
		return true
	}
	if !l.push(item) {
		return false
	}
	*slot = len(l.items) - 1
	return true
}

// pop moves messages to batch until they hold budget bytes or none is left.
func (l *lane) pop(batch []engine.Message, budget int) []engine.Message {
	for taken := 0; l.head < len(l.items) && taken < budget; l.head++ {
		item := &l.items[l.head]
		batch = append(batch, item.message)
		taken += item.size
		l.bytes -= item.size
		*item = laneItem{}
	}
	l.shift()
	return batch
}

// shift forgets the taken items once they are the greater part.
func (l *lane) shift() {
	if rest := len(l.items) - l.head; rest <= l.head {
		copy(l.items, l.items[l.head:])
		clear(l.items[rest:])
		l.items, l.head = l.items[:rest], 0
	}
}

func (l *lane) clear() int {
	dropped := len(l.items) - l.head
	clear(l.items)
	l.items, l.head, l.bytes = l.items[:0], 0, 0
	return dropped
}
