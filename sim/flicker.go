package sim

import "github.com/yggr-go/yggr/persistence"

// A machine whose power comes and goes ends one life after the other, each within its first writes. So crashes meet what
// the crash before them left: a name that is in memory only, half of a batch where the next one goes.

// cutMoment is where a crash finds a log: before so many operations of one kind, or of any. Those that make something durable
// come up more often, for what is written and not durable is at stake there.
type cutMoment struct {
	at   persistence.Op
	most int
}

var (
	startMoments = []cutMoment{{persistence.OpSyncDir, 3}, {persistence.OpSyncDir, 3}, {persistence.OpSync, 5}, {persistence.OpRename, 2}, {"", 40}}
	lifeMoments  = []cutMoment{{persistence.OpSync, 2}, {persistence.OpSync, 2}, {persistence.OpSyncDir, 1}, {persistence.OpSyncDir, 1}, {persistence.OpWrite, 4}, {persistence.OpRename, 1}, {"", 16}}
)

// flicker takes the power from a node, and then from some of its next lives.
func (w *world) flicker(n *node, c *chance) {
	w.counters.Faults[PowerLoss]++
	n.flicker = 2 + c.intN(5)
	w.crash(n, false, c.between(tick/2, 2*tick), c)
}

// cutShort lets the crash of a flickering machine come at one of the moments.
func (w *world) cutShort(n *node, moments []cutMoment, c *chance) {
	m := pick(c, moments)
	n.cut.arm(1+c.intN(m.most), c)
	n.cut.away = c.between(tick/2, 4*tick)
	if m.at != "" {
		n.cut.only = func(op persistence.Op, _ string) bool { return op == m.at }
	}
	switch {
	case c.happens(0.35):
		n.cut.odds = -1
	case c.happens(0.5):
		n.cut.odds = 0.5
	}
	w.counters.Faults[Flickered]++
}

// flickerOn lets the present life be a short one, if it is to be.
func (w *world) flickerOn(n *node) {
	if n.flicker > 0 && !w.over {
		n.flicker--
		c := stream(w.options.Seed, ofTrouble, uint64(n.id), uint64(n.life), 1)
		w.cutShort(n, lifeMoments, &c)
	}
}

// trouble is what may go wrong while a node starts: its machine flickers, the device fails an operation, or somebody left
// files in the directory. A machine that never ran is as likely to flicker as any.
func (w *world) trouble(n *node) {
	if w.over {
		return
	}
	c := stream(w.options.Seed, ofTrouble, uint64(n.id), uint64(n.life))
	if n.opened == 0 && c.happens(w.weather.flickering) {
		n.flicker = 1 + c.intN(7)
	}
	if c.happens(w.weather.litter) {
		w.litter(n, &c)
	}
	if c.happens(w.weather.failedStart) {
		w.failStart(n, &c)
	}
	if n.flicker > 0 && c.happens(0.6) {
		n.flicker--
		w.cutShort(n, startMoments, &c)
	}
}

// remember keeps what processes saw on a disk that is about to lose some of it. Blocks of it may come back: see rot.
func (n *node) remember(files *persistence.MemFS) {
	if n.attic = append(n.attic, files); len(n.attic) > 2 {
		n.attic = n.attic[1:]
	}
}
