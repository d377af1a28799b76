package sim

import "github.com/yggr-go/yggr/engine"

// hold keeps a message that runs into a cut on its way, now and then, as a connection does that sends again what was not
// received: it arrives if the cut is mended by then, whatever has become of its sender.
func (w *world) hold(n *node, to engine.NodeID, message engine.Message) bool {
	l := w.network.link(n.id, to)
	c := stream(w.options.Seed, ofHeld, uint64(n.id), uint64(to), l.sent)
	if w.over || !c.happens(w.weather.held) {
		return false
	}
	w.counters.Faults[HeldByCut]++
	w.carry(parcel{left: w.now, from: n.peer(), life: n.life, to: to, number: l.sent, message: message}, c.between(2*tick, 60*tick))
	return true
}
