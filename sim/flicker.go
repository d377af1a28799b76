package sim

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// A machine whose power comes and goes ends one life after the other, each within its first writes. So crashes meet what
// the crash before them left: a name that is in memory only, half of a batch where the next one goes.

// flickering is what a machine has before it until its power is stable.
type flickering struct {
	lives   int // to come that are cut short
	pattern flickerPattern
}

// flickerPattern is where the crashes of one machine come. What is written and not durable yet is at stake there, so most
// come right before something is synced.
type flickerPattern struct {
	starts float64 // how many lives end before they begin
	kills  float64 // how many end by a kill: then everything stays readable
	start  []cutMoment
	life   []cutMoment
	away   engine.Duration // at most, until it comes back
	large  bool            // a life ends in a large write: that takes longest
}

// cutMoment is before so many operations of one kind, or of any.
type cutMoment struct {
	at   persistence.Op
	most int
}

// The patterns of machines that run for a while: crashes anywhere, where names change, and in large writes.
var flickerPatterns = []flickerPattern{
	{
		starts: 0.6, kills: 0.35, away: 4 * tick,
		start: []cutMoment{{persistence.OpSyncDir, 3}, {persistence.OpSync, 5}, {persistence.OpRename, 2}, {"", 40}},
		life:  []cutMoment{{persistence.OpSync, 2}, {persistence.OpSyncDir, 1}, {persistence.OpWrite, 4}, {"", 16}},
	},
	{
		starts: 0.3, kills: 0.5, away: 4 * tick,
		start: []cutMoment{{persistence.OpSyncDir, 3}},
		life:  []cutMoment{{persistence.OpSyncDir, 1}, {persistence.OpSyncDir, 1}, {persistence.OpSyncDir, 2}, {persistence.OpWrite, 3}},
	},
	{
		away: 5 * tick, large: true,
		life: []cutMoment{{persistence.OpSync, 1}, {persistence.OpSync, 3}},
	},
}

// youngPatterns are those of machines that never ran: most do not get as far as that for a while.
var youngPatterns = []flickerPattern{
	flickerPatterns[0],
	{
		starts: 0.9, kills: 0.5, away: 2 * tick,
		start: []cutMoment{{persistence.OpSyncDir, 2}, {persistence.OpSyncDir, 3}},
		life:  []cutMoment{{persistence.OpSyncDir, 2}},
	},
}

// flicker takes the power from a node, and then from some of its next lives.
func (w *world) flicker(n *node, c *chance) {
	w.counters.Faults[PowerLoss]++
	n.flickers = flickering{2 + c.intN(6), pick(c, flickerPatterns)}
	w.crash(n, false, c.between(tick/2, 2*tick), c)
}

// cutShort lets the crash of a flickering machine come at one of the moments.
func (w *world) cutShort(n *node, moments []cutMoment, c *chance) {
	n.flickers.lives--
	w.counters.Faults[Flickered]++
	m := pick(c, moments)
	n.cut.arm(1+c.intN(m.most), c)
	n.cut.away = c.between(tick/2, n.flickers.pattern.away)
	if m.at != "" {
		n.cut.only = func(op persistence.Op, _ string) bool { return op == m.at }
	}
	switch {
	case c.happens(n.flickers.pattern.kills):
		n.cut.odds = -1
	case n.flickers.pattern.large || c.happens(0.7):
		n.cut.odds = 0.3 + 0.4*c.float()
	}
}

// flickerOn lets the present life be a short one, if it is to be. A disk that has been through that may rot.
func (w *world) flickerOn(n *node) {
	if n.flickers.lives == 0 || w.over {
		return
	}
	c := stream(w.options.Seed, ofTrouble, uint64(n.id), uint64(n.life), 1)
	w.cutShort(n, n.flickers.pattern.life, &c)
	n.cut.large = n.flickers.pattern.large
	if n.flickers.lives == 0 && w.weather.weights[injectRot] > 0 && c.happens(0.7) {
		n.cut.disarm()
		w.afterAt(n, c.between(0, 4*tick), func() {
			if !w.over {
				w.rot(n, &c)
			}
		})
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
		n.flickers = flickering{1 + c.intN(7), pick(&c, youngPatterns)}
	}
	if c.happens(w.weather.litter) {
		w.litter(n, &c)
	}
	failing := w.weather.failedStart
	if n.flickers.lives > 0 {
		failing *= 2
	}
	if c.happens(failing) {
		w.failStart(n, &c)
	}
	if n.flickers.lives > 0 && c.happens(n.flickers.pattern.starts) {
		w.cutShort(n, n.flickers.pattern.start, &c)
	}
}

// remember keeps what a disk looked like when a life ended, to its process or to the next one. It may come back: see rot.
func (n *node) remember(files *persistence.MemFS) {
	if n.attic = append(n.attic, files); len(n.attic) > 4 {
		n.attic = n.attic[1:]
	}
}
