package actors

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/yggr-go/yggr/engine"
)

// ofPeer is a message that a peer caused.
type ofPeer interface{ sender() engine.NodeID }

func (m *peerMessage) sender() engine.NodeID { return m.from.ID }
func (m *peerSeen) sender() engine.NodeID    { return m.hello.Peer.ID }

// peerLanes is the messages of peers. Each peer has a line of its own and they take turns, one message each, so that
// what one of them floods the node with delays nobody else's: not the answers that a commit waits for, nor heartbeats.
// Messages of one peer stay in order.
type peerLanes struct {
	arrived lane[ofPeer]
	count   atomic.Int64 // arrived and not taken

	// The consumer's own.
	lines []*peerLine
	turn  int // whose line is next
}

// peerLine is what one peer's turn takes from.
type peerLine struct {
	id    engine.NodeID
	queue []ofPeer
	head  int
}

// keptLines is how many empty lines are kept: those of the members, mostly.
const keptLines = 32

func (p *peerLanes) len() int { return int(p.count.Load()) }

// push is called with the lock held.
func (p *peerLanes) push(message ofPeer) {
	p.arrived.push(message)
	p.count.Add(1)
}

// pop returns the next message of the peer whose turn it is. It is called by the consumer, without the lock.
func (p *peerLanes) pop(mu *sync.Mutex) (ofPeer, bool) {
	if p.count.Load() == 0 {
		return nil, false
	}
	p.lineUp(mu)
	for range p.lines {
		if p.turn >= len(p.lines) {
			p.turn = 0
		}
		at := p.turn
		p.turn++
		if message, ok := p.lines[at].pop(); ok {
			p.count.Add(-1)
			p.forgetEmpty(at)
			return message, true
		}
	}
	return nil, false
}

// lineUp moves what has arrived to the ends of the lines.
func (p *peerLanes) lineUp(mu *sync.Mutex) {
	for {
		message, ok := p.arrived.pop(mu)
		if !ok {
			return
		}
		p.line(message.sender()).push(message)
	}
}

func (p *peerLanes) line(id engine.NodeID) *peerLine {
	for _, l := range p.lines {
		if l.id == id {
			return l
		}
	}
	l := &peerLine{id: id}
	p.lines = append(p.lines, l)
	return l
}

// forgetEmpty drops the line that was just served, if it is empty and there are many: ids cost nothing to make up.
func (p *peerLanes) forgetEmpty(at int) {
	if l := p.lines[at]; len(p.lines) > keptLines && l.head == len(l.queue) {
		p.lines = slices.Delete(p.lines, at, at+1)
		p.turn = at
	}
}

func (l *peerLine) push(message ofPeer) {
	switch {
	case l.head == len(l.queue):
		l.queue, l.head = l.queue[:0], 0
		if cap(l.queue) > burstCapacity {
			l.queue = nil
		}
	case len(l.queue) == cap(l.queue) && 2*l.head >= len(l.queue):
		l.compact()
	}
	l.queue = append(l.queue, message)
}

// compact moves what waits to the front, in place of growing: a line that is never empty would grow for ever.
func (l *peerLine) compact() {
	rest := copy(l.queue, l.queue[l.head:])
	clear(l.queue[rest:])
	l.queue, l.head = l.queue[:rest], 0
}

func (l *peerLine) pop() (ofPeer, bool) {
	if l.head == len(l.queue) {
		return nil, false
	}
	message := l.queue[l.head]
	l.queue[l.head] = nil
	l.head++
	return message, true
}
