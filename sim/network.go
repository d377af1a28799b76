package sim

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/engine/scenario"
)

// network is the links between all nodes, each with two directions.
type network struct {
	links [][]link // by sender and receiver
}

// link is one direction between two nodes.
type link struct {
	cuts      int    // faults that sever it at present
	moves     int    // how often one of its ends moved to another place, which no earlier fault severs
	sent      uint64 // messages given to it
	delivered uint64 // the newest of them that has arrived
	congestion
	heldBack engine.Instant
}

func newNetwork() network { return network{} }

// grow makes room for so many nodes.
func (net *network) grow(size int) {
	for i := range net.links {
		for len(net.links[i]) < size {
			net.links[i] = append(net.links[i], link{})
		}
	}
	for len(net.links) < size {
		net.links = append(net.links, make([]link, size))
	}
}

func (net *network) link(from, to engine.NodeID) *link { return &net.links[from-1][to-1] }

func (net *network) open(from, to engine.NodeID) bool { return net.link(from, to).cuts == 0 }

// send lets a message leave, or wait for the writes before it.
func (w *world) send(n *node, s *engine.Send) {
	if s.Wait && len(n.disk.queue) > 0 {
		n.disk.queue = append(n.disk.queue, write{message: s.Message, to: s.To})
		return
	}
	w.leave(n, s.To, s.Message)
}

// leave gives a message to the network.
func (w *world) leave(n *node, to engine.NodeID, message engine.Message) {
	if err := w.checker.Left(n.id, to, message); err != nil {
		w.fail(err)
		return
	}
	if w.node(to) == nil {
		return
	}
	if _, asks := message.(*engine.RequestVote); asks && n.struck != nil {
		w.campaigns(n)
	}
	l := w.network.link(n.id, to)
	l.sent++
	if w.telling() {
		w.tell("  %v sends %v %s", n.id, to, scenario.MessageText(message))
	}
	if l.cuts > 0 {
		if !w.hold(n, to, message) {
			w.counters.Faults[Unreachable]++
		}
		return
	}
	c := stream(w.options.Seed, ofLink, uint64(n.id), uint64(to), l.sent)
	p := parcel{left: w.now, from: n.peer(), life: n.life, to: to, number: l.sent, message: message}
	repeated := l.repeated && w.now < l.heldUntil
	lag := l.lag(w, &c)
	switch {
	case c.happens(w.weather.drop):
		w.counters.Faults[Dropped]++
		return
	case c.happens(w.weather.duplicate):
		w.counters.Faults[Duplicated]++
		w.carry(p, w.travel(&c)+lag)
	case repeated:
		w.carry(p, w.travel(&c))
	}
	w.carry(p, max(0, l.heldBack.Since(w.now))+w.travel(&c)+lag)
}

// travel draws how long a message takes. Now and then one is held for so long that terms and lives pass meanwhile.
func (w *world) travel(c *chance) engine.Duration {
	d := w.weather.latency
	if c.happens(w.weather.jumbled) {
		d += c.between(0, 3*w.weather.jitter+tick/2)
	} else {
		d += c.between(0, w.weather.jitter)
	}
	if c.happens(w.weather.delay) {
		w.counters.Faults[Delayed]++
		d += c.between(tick, 60*tick)
	}
	return d
}

// parcel is a message on its way.
type parcel struct {
	left    engine.Instant
	from    engine.Peer
	life    int
	to      engine.NodeID
	number  uint64
	message engine.Message
}

func (w *world) carry(p parcel, d engine.Duration) {
	w.queue.put(event{at: w.now + engine.Instant(d), node: w.node(p.to), do: func() { w.deliver(p) }})
}

// deliver gives a message to its receiver, behind the handshake of their connection if it is the first of it.
func (w *world) deliver(p parcel) {
	n := w.node(p.to)
	l := w.network.link(p.from.ID, p.to)
	if n.engine == nil || l.cuts > 0 || w.tooLate(&p) {
		w.counters.Faults[Unreachable]++
		return
	}
	if p.number < l.delivered {
		w.counters.Faults[Reordered]++
	}
	l.delivered = max(l.delivered, p.number)
	if !n.pinned {
		n.pinned = true
		w.enqueue(n, write{pin: true})
	}
	if met := n.met[p.from.ID]; met.life < p.life {
		if w.node(p.from.ID).life != p.life {
			w.counters.Faults[Unreachable]++
			return // its sender died before the connection stood
		}
		w.shakeHands(n, p.from, p.life)
	}
	if w.telling() {
		w.tell("%v receives from %v %s", p.to, p.from.ID, scenario.MessageText(p.message))
	}
	w.step(n, &engine.Incoming{Now: w.time(n), From: p.from, Message: p.message})
}

// tooLate reports whether a message is one that was held for long, and comes when nothing goes wrong any more.
func (w *world) tooLate(p *parcel) bool {
	return w.over && p.left < w.overAt && w.now.Since(w.overAt) > 3*tick
}

// shakeHands lets a node meet a life of a peer, and that life the node.
func (w *world) shakeHands(n *node, from engine.Peer, life int) {
	n.met[from.ID] = meeting{from.Incarnation, life}
	w.meet(n, from)
	peer := w.node(from.ID)
	if peer.life != life || !w.network.open(n.id, from.ID) || peer.met[n.id] == (meeting{n.incarnation, n.life}) {
		return
	}
	self := n.peer()
	peer.met[n.id] = meeting{n.incarnation, n.life}
	w.afterAt(peer, w.weather.latency, func() { w.meet(peer, self) })
}

func (w *world) meet(n *node, from engine.Peer) {
	w.step(n, &engine.PeerSeen{Now: w.time(n), From: from, MinElectionTimeout: w.weather.promise(from.ID)})
}
