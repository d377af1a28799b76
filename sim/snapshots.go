package sim

import (
	"errors"
	"slices"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// snapshots are what a node's host does with them in its present life. The files are on the node's disk.
type snapshots struct {
	store     *persistence.Snapshots
	complete  int // files that the sweep has not looked at, and those that it left: at least
	capturing bool
	sends     []*outgoing
	incoming  *incoming
	asked     uint64 // how often it was told to receive
	orders    uint64 // that took time
}

// outgoing is a transfer at its sender.
type outgoing struct {
	id       engine.TransferID
	to       engine.NodeID
	file     *persistence.SnapshotReader
	offset   int64 // the next byte
	attempts int   // since the last progress
	chunks   uint64
	pace     engine.Duration // that it rests after each chunk
}

// incoming is a transfer at its receiver.
type incoming struct {
	id      engine.TransferID
	from    engine.NodeID
	label   engine.SnapshotMeta
	file    *persistence.SnapshotReceiver // nil until the host has looked for what is here
	heard   engine.Instant
	damaged bool // on the way
	done    bool // every byte is here and is being made durable, or there is no room: nothing is taken any more
	kept    bool // it is complete
}

// forget is what the end of a process does.
func (s *snapshots) forget() { *s = snapshots{} }

// drop ends what is received. What has come stays.
func (s *snapshots) drop() {
	if s.incoming != nil && s.incoming.file != nil {
		_ = s.incoming.file.Close() // it can only fail to tell of earlier failures
	}
	s.incoming = nil
}

// endSends ends the transfers of which gone says so.
func (s *snapshots) endSends(gone func(*outgoing) bool) {
	s.sends = slices.DeleteFunc(s.sends, func(o *outgoing) bool {
		if !gone(o) {
			return false
		}
		_ = o.file.Close() // it was only read
		return true
	})
}

// hinted takes a snapshot, mostly: a host is free not to.
func (w *world) hinted(n *node) {
	c := stream(w.options.Seed, ofMachine, uint64(n.id), uint64(n.life), n.machine.rounds, 1)
	if c.happens(0.9) {
		w.capture(n, &c)
	}
}

// capture takes a snapshot of the machine as it is now. Writing the file takes a while.
func (w *world) capture(n *node, c *chance) {
	s := n.machine.state
	if n.snapshots.capturing || s.position.Index == 0 || s.configuration == 0 {
		return
	}
	n.snapshots.capturing = true
	w.counters.Snapshots[Captured]++
	w.lastLabel++
	body := s.encode(w.weather.snapshotBytes)
	label := engine.SnapshotMeta{
		ID: w.lastLabel<<8 | uint64(n.id), Position: s.position, Membership: s.membership, ConfigurationIndex: s.configuration,
	}
	w.tell("%v captures snapshot %v", n.id, label)
	w.afterAt(n, c.between(millisecond, 3*tick), func() { w.keep(n, label, body) })
}

var (
	errBroken  = errors.New("the connection broke")
	errNoRoom  = errors.New("no room on the disk")
	errTooLong = errors.New("nothing came for too long")
)

// sendSnapshot begins to send, or goes on.
func (w *world) sendSnapshot(n *node, a *engine.SendSnapshot) {
	s := &n.snapshots
	s.endSends(func(o *outgoing) bool { return o.id == a.Transfer })
	file, err := s.store.Open(a.Snapshot.ID)
	if err != nil {
		w.failf("snapshots", "%v is to send snapshot %x, and cannot: %v", n.id, a.Snapshot.ID, err)
		return
	}
	w.counters.Snapshots[Begun]++
	if a.Offset > 0 {
		w.counters.Snapshots[Resumed]++
	}
	out := &outgoing{id: a.Transfer, to: a.To, file: file, offset: int64(a.Offset), pace: w.pace(n, a)}
	s.sends = append(s.sends, out)
	w.afterAt(n, w.weather.latency, func() { w.sendChunk(n, out) })
}

// sendChunk moves the next bytes of a transfer. What is lost on the way is sent again a few times.
func (w *world) sendChunk(n *node, out *outgoing) {
	if !slices.Contains(n.snapshots.sends, out) {
		return
	}
	out.chunks++
	c := stream(w.options.Seed, ofChunks, uint64(n.id), uint64(out.id), uint64(out.offset), out.chunks)
	to := w.node(out.to)
	if c.happens(w.breaks(n, out)) {
		w.interrupt(n, out, c.happens(0.2))
		return
	}
	reachable := to != nil && w.network.open(n.id, out.to) && w.network.open(out.to, n.id)
	if !reachable || to.pausedUntil > w.now || c.happens(w.weather.chunkLoss) {
		w.counters.Faults[ChunkLost]++
		if out.attempts++; out.attempts > 3 {
			w.interrupt(n, out, false)
			return
		}
		w.afterAt(n, tick, func() { w.sendChunk(n, out) })
		return
	}
	switch arrived, complete := w.receiveChunk(to, out, &c); {
	case !arrived:
		w.interrupt(n, out, false)
	case complete:
		w.awaitReceipt(n, to, out)
	default:
		rest := w.weather.latency + c.between(0, w.weather.jitter)
		if !w.over {
			rest += out.pace
		}
		w.afterAt(n, rest, func() { w.sendChunk(n, out) })
	}
}

// receiveChunk takes bytes in. It reports whether the receiver wants them, and whether they were the last ones.
func (w *world) receiveChunk(to *node, out *outgoing, c *chance) (arrived, complete bool) {
	in := to.snapshots.incoming
	if to.engine == nil || in == nil || in.id != out.id || in.done || in.file == nil || int64(in.file.Offset()) < out.offset {
		return false, false
	}
	out.offset = int64(in.file.Offset()) // the word that these bytes are here was lost
	chunk := make([]byte, min(int64(w.weather.chunkBytes), out.file.Size()-out.offset))
	if _, err := out.file.File().ReadAt(chunk, out.offset); err != nil {
		w.failf("snapshots", "snapshot %x cannot be read at %d: %v", out.file.Meta().ID, out.offset, err)
		return false, false
	}
	if c.happens(w.weather.chunkDamage) && len(chunk) > 0 {
		chunk[c.intN(len(chunk))] ^= 1
		in.damaged = true
	}
	err := in.file.Append(uint64(out.offset), chunk)
	if w.fell(to) {
		return false, false
	}
	if err != nil {
		w.notKept(to, in, err)
		return false, false
	}
	in.heard, out.attempts = w.now, 0
	out.offset += int64(len(chunk))
	return true, out.offset == out.file.Size()
}

// awaitReceipt lets the receiver verify and sync the file, and the sender hear of it.
func (w *world) awaitReceipt(n, to *node, out *outgoing) {
	in := to.snapshots.incoming
	in.done = true
	w.afterAt(to, w.weather.diskLatency+w.keeping(to), func() { w.complete(to, in) })
	w.hearReceipt(n, to, to.life, in, out)
}

// hearReceipt lets the sender hear of the file when it is there, or learn that nobody will tell it.
func (w *world) hearReceipt(n, to *node, life int, in *incoming, out *outgoing) {
	w.afterAt(n, w.weather.diskLatency+2*w.weather.latency, func() {
		switch {
		case !slices.Contains(n.snapshots.sends, out):
		case to.life != life || to.pausedUntil > w.now || !w.network.open(out.to, n.id):
			w.interrupt(n, out, false)
		case to.snapshots.incoming == in:
			w.afterAt(n, tick/2, func() { w.hearReceipt(n, to, life, in, out) })
		case !in.kept:
			w.interrupt(n, out, false)
		default:
			w.endSend(n, out, nil, false)
		}
	})
}

// interrupt fails a transfer at its sender. What has arrived stays where it is.
func (w *world) interrupt(n *node, out *outgoing, unreadable bool) {
	w.counters.Snapshots[Interrupted]++
	w.endSend(n, out, errBroken, unreadable)
}

func (w *world) endSend(n *node, out *outgoing, err error, unreadable bool) {
	n.snapshots.endSends(func(o *outgoing) bool { return o == out })
	w.step(n, &engine.SnapshotSendResult{Now: w.time(n), Transfer: out.id, Err: err, Unreadable: unreadable})
}

// receiveSnapshot says from where on a node's host needs the bytes.
func (w *world) receiveSnapshot(n *node, a *engine.ReceiveSnapshot) {
	s := &n.snapshots
	if s.incoming != nil && s.incoming.id != a.Transfer {
		w.failf("snapshots", "%v is to receive two snapshots at once", n.id)
		return
	}
	s.asked++
	c := stream(w.options.Seed, ofChunks, uint64(n.id), uint64(n.life), s.asked)
	if s.incoming != nil && s.incoming.done {
		return // the answer is on its way
	}
	s.drop()
	in := &incoming{id: a.Transfer, from: a.From, label: a.Snapshot, heard: w.now}
	s.incoming = in
	if c.happens(w.weather.noRoom) {
		w.counters.Faults[NoRoom]++
		in.done = true
		w.afterAt(n, microsecond+w.keeping(n), func() { w.refuse(n, in) })
		return
	}
	w.afterAt(n, millisecond+w.keeping(n), func() { w.ready(n, in) })
	w.awaitBytes(n, in)
}

// refuse says that there is no room for a snapshot.
func (w *world) refuse(n *node, in *incoming) {
	switch now := n.snapshots.incoming; {
	case now == in:
		n.snapshots.incoming = nil
	case now != nil && now.id == in.id: // aborted and offered once more
		return
	}
	w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id, Err: errNoRoom})
}

// patience is how long a host waits for the next bytes.
const patience = 40 * tick

// awaitBytes gives a transfer up at its receiver when nothing comes for too long.
func (w *world) awaitBytes(n *node, in *incoming) {
	w.afterAt(n, patience, func() {
		switch {
		case n.snapshots.incoming != in || in.done:
		case w.now.Since(in.heard) < patience:
			w.awaitBytes(n, in)
		default:
			n.snapshots.drop()
			w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id, Err: errTooLong})
		}
	})
}
