package sim

import (
	"encoding/binary"
	"errors"

	"github.com/yggr-go/yggr/engine"
)

// machine is a state machine that remembers what it was given, and the queue in front of it.
type machine struct {
	state   state
	waiting []task
	busy    bool
	taken   int
	rounds  uint64
}

// state is what a machine is after a prefix of the log. Two machines with one sum went through the same entries.
type state struct {
	position      engine.Position
	sum           uint64
	membership    engine.Membership
	configuration engine.Index // of the entry that made membership
}

// moment is what is known of one index: how every machine stands after it.
type moment struct {
	sum uint64
	by  engine.NodeID // who got there first
}

// task is an entry to apply, a snapshot to restore or a read to serve.
type task struct {
	entry   engine.Entry
	restore *engine.SnapshotMeta
	read    engine.ReadID
	index   engine.Index // of a read: what it has to see
}

func (w *world) hand(n *node, entries []engine.Entry) {
	for _, entry := range entries {
		n.machine.waiting = append(n.machine.waiting, task{entry: entry})
	}
	w.kickMachine(n)
}

func (w *world) handTask(n *node, t task) {
	n.machine.waiting = append(n.machine.waiting, t)
	w.kickMachine(n)
}

func (w *world) kickMachine(n *node) {
	m := &n.machine
	if m.busy || len(m.waiting) == 0 {
		return
	}
	m.busy, m.rounds = true, m.rounds+1
	c := stream(w.options.Seed, ofMachine, uint64(n.id), uint64(n.life), m.rounds)
	m.taken = 1 + c.intN(len(m.waiting))
	latency := c.between(w.weather.applyLatency/2, w.weather.applyLatency*3/2) + w.restoring(n, m.waiting[:m.taken])
	w.afterAt(n, latency, func() { w.apply(n) })
}

// apply does what was taken from the queue and tells the engine.
func (w *world) apply(n *node) {
	m := &n.machine
	done := m.waiting[:m.taken]
	m.waiting, m.busy, m.taken = m.waiting[m.taken:], false, 0
	before := m.state.position.Index
	for i := range done {
		switch t := &done[i]; {
		case t.restore != nil:
			w.counters.Snapshots[Installed]++
			w.restore(n, *t.restore)
		case t.read != 0:
			w.serveRead(n, *t)
		default:
			w.applyEntry(n, t.entry)
		}
		if w.err != nil {
			return
		}
	}
	w.kickMachine(n)
	if m.state.position.Index > before {
		w.step(n, &engine.Applied{Now: w.time(n), Index: m.state.position.Index})
	}
}

func (w *world) applyEntry(n *node, e engine.Entry) {
	s := &n.machine.state
	if e.Index != s.position.Index+1 {
		w.failf("order", "%v applies %v, its machine is at %v", n.id, e.Position(), s.position)
		return
	}
	s.position, s.sum = e.Position(), sumOf(s.sum, e)
	if e.Kind == engine.EntryConfiguration {
		configuration, err := engine.DecodeConfiguration(e.Data)
		w.fail(err)
		s.membership, s.configuration = configuration.Membership, e.Index
		w.operator.applied(e.Index)
	}
	w.compare(n)
	w.client.applied(w, n, e)
}

// compare holds that machines at one index are in one state, whether they came there by entries or by a snapshot.
func (w *world) compare(n *node) {
	s := &n.machine.state
	for engine.Index(len(w.history)) < s.position.Index {
		w.history = append(w.history, moment{})
	}
	known := &w.history[s.position.Index-1]
	if known.by == 0 {
		*known = moment{s.sum, n.id}
	} else if known.sum != s.sum {
		w.failf("same order", "%v is in state %x after %v, where %v was in %x", n.id, s.sum, s.position, known.by, known.sum)
	}
}

// restore puts a snapshot in the place of the machine's state.
func (w *world) restore(n *node, label engine.SnapshotMeta) {
	body, err := w.load(n, label)
	if err != nil {
		w.failf("snapshots", "%v restores snapshot %x, and cannot: %v", n.id, label.ID, err)
		return
	}
	restored, err := decodeState(body)
	if err != nil || restored.position != label.Position || restored.configuration != label.ConfigurationIndex ||
		restored.membership.String() != label.Membership.String() {
		w.failf("snapshots", "%v restores snapshot %v and finds the state at %v (%v)", n.id, label, restored.position, err)
		return
	}
	if restored.position.Index <= n.machine.state.position.Index {
		w.failf("snapshots", "%v restores snapshot %v and has applied up to %v", n.id, label, n.machine.state.position)
		return
	}
	n.machine.state = restored
	w.client.jumped(n, restored.position.Index)
	w.compare(n)
}

// sumOf continues the sum of a history by one entry.
func sumOf(sum uint64, e engine.Entry) uint64 {
	h := scrambled(sum+1) ^ scrambled(uint64(e.Term)<<8|uint64(e.Kind)) ^ uint64(e.Index)
	rest := e.Data
	for ; len(rest) >= 8; rest = rest[8:] {
		h = scrambled(h ^ binary.LittleEndian.Uint64(rest))
	}
	for _, b := range rest {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return scrambled(h ^ uint64(len(e.Data)))
}

// encode returns the file of a snapshot: the state, and behind it as many bytes as the weather wants, made from it.
func (s *state) encode(padding int) []byte {
	members := s.membership.Encode()
	file := make([]byte, 0, 36+len(members)+padding)
	for _, x := range [...]uint64{uint64(s.position.Term), uint64(s.position.Index), s.sum, uint64(s.configuration)} {
		file = binary.LittleEndian.AppendUint64(file, x)
	}
	file = binary.LittleEndian.AppendUint32(file, uint32(len(members)))
	file = append(file, members...)
	for x := s.sum; padding > 0; padding -= 8 {
		x = scrambled(x + 1)
		file = binary.LittleEndian.AppendUint64(file, x)
	}
	return file
}

var errNoState = errors.New("sim: these bytes are no state")

func decodeState(file []byte) (state, error) {
	if len(file) < 36 {
		return state{}, errNoState
	}
	var x [4]uint64
	for i := range x {
		x[i] = binary.LittleEndian.Uint64(file[8*i:])
	}
	length := binary.LittleEndian.Uint32(file[32:])
	if uint64(len(file)) < 36+uint64(length) {
		return state{}, errNoState
	}
	membership, err := engine.DecodeMembership(file[36 : 36+length])
	return state{
		position: engine.Position{Term: engine.Term(x[0]), Index: engine.Index(x[1])}, sum: x[2],
		configuration: engine.Index(x[3]), membership: membership,
	}, err
}
