package sim

import (
	"errors"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// snapshots are what a node's host keeps of them. Complete files are durable: a host says that it has one only then.
type snapshots struct {
	files   map[uint64]*file
	partial map[uint64][]byte // what has come of files that are not complete, by snapshot; a part of it survives a crash

	// Of the present life.
	capturing bool
	sends     []*outgoing
	incoming  *incoming
	asked     uint64 // how often it was told to receive
	orders    uint64 // that took time
}

// file is a snapshot with its label.
type file struct {
	label engine.SnapshotMeta
	bytes []byte
}

// outgoing is a transfer at its sender.
type outgoing struct {
	id       engine.TransferID
	to       engine.NodeID
	file     *file
	offset   int // the next byte
	attempts int // since the last progress
	chunks   uint64
	pace     engine.Duration // that it rests after each chunk
}

// incoming is a transfer at its receiver.
type incoming struct {
	id    engine.TransferID
	from  engine.NodeID
	label engine.SnapshotMeta
	heard engine.Instant
	done  bool // every byte is here and is being made durable, or there is no room: nothing is taken any more
}

func newSnapshots() snapshots {
	return snapshots{files: map[uint64]*file{}, partial: map[uint64][]byte{}}
}

// forget is what the end of a process does.
func (s *snapshots) forget() { s.capturing, s.sends, s.incoming = false, nil, nil }

// lose takes from each partial file what a power loss takes.
func (s *snapshots) lose(c *chance) {
	ids := make([]uint64, 0, len(s.partial))
	for id := range s.partial {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		s.partial[id] = s.partial[id][:c.intN(len(s.partial[id])+1)]
	}
}

func (s *snapshots) discard(id uint64) { delete(s.files, id) }

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
	bytes := s.encode(w.weather.snapshotBytes)
	taken := &file{bytes: bytes, label: engine.SnapshotMeta{
		ID: w.lastLabel<<8 | uint64(n.id), Position: s.position, Membership: s.membership, ConfigurationIndex: s.configuration,
		Size: uint64(len(bytes)), Checksum: checksum(bytes),
	}}
	w.tell("%v captures snapshot %v", n.id, taken.label)
	w.afterAt(n, c.between(millisecond, 3*tick), func() {
		n.snapshots.capturing = false
		n.snapshots.files[taken.label.ID] = taken
		w.step(n, &engine.SnapshotTaken{Now: w.time(n), Snapshot: taken.label})
	})
}

// sweep removes the files that nobody needs.
func (w *world) sweep(n *node) {
	if n.engine == nil || len(n.snapshots.files) < 2 {
		return
	}
	keep := n.engine.SnapshotsInUse()
	for _, t := range n.machine.waiting {
		if t.restore != nil {
			keep = append(keep, t.restore.ID)
		}
	}
	for id := range n.snapshots.files {
		if !slices.Contains(keep, id) {
			delete(n.snapshots.files, id)
		}
	}
}

var (
	errBroken  = errors.New("the connection broke")
	errNoRoom  = errors.New("no room on the disk")
	errDamaged = errors.New("the bytes are not those that were announced")
	errTooLong = errors.New("nothing came for too long")
)

// sendSnapshot begins to send, or goes on.
func (w *world) sendSnapshot(n *node, a *engine.SendSnapshot) {
	s := &n.snapshots
	s.sends = slices.DeleteFunc(s.sends, func(o *outgoing) bool { return o.id == a.Transfer })
	file := s.files[a.Snapshot.ID]
	if file == nil {
		w.failf("snapshots", "%v is to send snapshot %x, which was removed", n.id, a.Snapshot.ID)
		return
	}
	w.counters.Snapshots[Begun]++
	if a.Offset > 0 {
		w.counters.Snapshots[Resumed]++
	}
	out := &outgoing{id: a.Transfer, to: a.To, file: file, offset: int(a.Offset), pace: w.pace(n, a)}
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
	if to.engine == nil || in == nil || in.id != out.id || in.done || len(to.snapshots.partial[in.label.ID]) < out.offset {
		return false, false
	}
	end := min(out.offset+w.weather.chunkBytes, len(out.file.bytes))
	chunk := slices.Clone(out.file.bytes[out.offset:end])
	if c.happens(w.weather.chunkDamage) && len(chunk) > 0 {
		chunk[c.intN(len(chunk))] ^= 1
	}
	in.heard, out.attempts = w.now, 0
	to.snapshots.partial[in.label.ID] = append(to.snapshots.partial[in.label.ID][:out.offset], chunk...)
	out.offset = end
	return true, end == len(out.file.bytes)
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
		case to.snapshots.files[out.file.label.ID] == nil:
			w.interrupt(n, out, false)
		default:
			w.endSend(n, out, nil, false)
		}
	})
}

// complete makes a file of what has come, if it is what was announced.
func (w *world) complete(n *node, in *incoming) {
	if n.snapshots.incoming != in {
		if now := n.snapshots.incoming; now == nil || now.id != in.id { // aborted while this was on its way
			w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id})
		}
		return
	}
	n.snapshots.incoming = nil
	bytes := n.snapshots.partial[in.label.ID]
	delete(n.snapshots.partial, in.label.ID)
	if uint64(len(bytes)) != in.label.Size || checksum(bytes) != in.label.Checksum {
		w.counters.Faults[ChunkDamaged]++
		w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id, Err: errDamaged})
		return
	}
	n.snapshots.files[in.label.ID] = &file{label: in.label, bytes: bytes}
	w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id})
}

// interrupt fails a transfer at its sender. What has arrived stays where it is.
func (w *world) interrupt(n *node, out *outgoing, unreadable bool) {
	w.counters.Snapshots[Interrupted]++
	w.endSend(n, out, errBroken, unreadable)
}

func (w *world) endSend(n *node, out *outgoing, err error, unreadable bool) {
	n.snapshots.sends = slices.DeleteFunc(n.snapshots.sends, func(o *outgoing) bool { return o == out })
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
	in := &incoming{id: a.Transfer, from: a.From, label: a.Snapshot, heard: w.now}
	s.incoming = in
	if c.happens(w.weather.noRoom) {
		w.counters.Faults[NoRoom]++
		in.done = true
		w.afterAt(n, microsecond+w.keeping(n), func() { w.refuse(n, in) })
		return
	}
	if kept := s.files[a.Snapshot.ID]; kept != nil {
		s.partial[a.Snapshot.ID] = slices.Clone(kept.bytes)
	}
	w.afterAt(n, millisecond+w.keeping(n), func() { w.expect(n, in) })
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

func (w *world) expect(n *node, in *incoming) {
	if n.snapshots.incoming != in || !in.done { // it may come too late: then it is for the engine to ignore
		w.step(n, &engine.SnapshotExpected{Now: w.time(n), Transfer: in.id, Offset: uint64(len(n.snapshots.partial[in.label.ID]))})
	}
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
			n.snapshots.incoming = nil
			w.step(n, &engine.SnapshotReceived{Now: w.time(n), Transfer: in.id, Err: errTooLong})
		}
	})
}
