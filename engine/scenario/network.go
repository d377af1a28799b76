package scenario

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// link is one direction between two nodes.
type link struct {
	from, to engine.NodeID
}

// envelope is a message with its route. The sender's incarnation was proved by the handshake of the connection
// that it left by.
type envelope struct {
	from    engine.Peer
	to      engine.NodeID
	message engine.Message
}

func (e envelope) link() link { return link{e.from.ID, e.to} }

// network holds what is on its way, oldest first.
type network struct {
	flight []envelope
	cut    map[link]bool
}

func (w *network) send(e envelope) bool {
	if w.cut[e.link()] {
		return false
	}
	w.flight = append(w.flight, e)
	return true
}

func (w *network) take(position int) envelope {
	e := w.flight[position]
	w.flight = slices.Delete(w.flight, position, position+1)
	return e
}

// choose returns the positions of at most limit messages that fit.
func (w *network) choose(limit int, fits func(envelope) bool) []int {
	var positions []int
	for i, e := range w.flight {
		if len(positions) < limit && fits(e) {
			positions = append(positions, i)
		}
	}
	return positions
}

// sever cuts a link. What is on its way is lost.
func (w *network) sever(l link) {
	w.cut[l] = true
	w.flight = slices.DeleteFunc(w.flight, func(e envelope) bool { return e.link() == l })
}
