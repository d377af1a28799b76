package scenario

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// This file is what a host does for snapshots: files that outlive crashes, captures, and transfers chunk by chunk.

// file is a complete snapshot. The state that it holds is the history that led to it.
type file struct {
	label engine.SnapshotMeta
	state []engine.Entry
}

// outgoing is a transfer that the node's host is sending.
type outgoing struct {
	to     engine.NodeID
	label  engine.SnapshotMeta
	offset uint64 // the next byte
}

// store is what a node's host keeps of snapshots.
type store struct {
	files   map[uint64]file   // complete and synced
	partial map[uint64]uint64 // by snapshot, how many of its bytes are here

	// Of the present life.
	sends    map[engine.TransferID]*outgoing
	receives map[engine.TransferID]engine.SnapshotMeta
	captures []file // taken, and the engine was not told
	hinted   bool   // since the last capture
	full     bool   // no room for bytes from others
	count    uint64 // snapshots ever captured here
}

func newStore() store {
	s := store{files: map[uint64]file{}, partial: map[uint64]uint64{}}
	s.forget()
	return s
}

// forget is what a crash does.
func (s *store) forget() {
	s.sends, s.receives = map[engine.TransferID]*outgoing{}, map[engine.TransferID]engine.SnapshotMeta{}
	s.captures, s.hinted = nil, false
}

// bytesOf is the size of a snapshot: ten bytes for each entry of its history.
func bytesOf(state []engine.Entry) uint64 { return 10 * uint64(len(state)) }

// capture returns a snapshot of what the machine has applied, labelled by what it was given.
func (n *node) capture() (file, error) {
	m := &n.machine
	if len(m.applied) == 0 {
		return file{}, fmt.Errorf("%v has applied nothing", n.peer.ID)
	}
	n.store.count++
	state := slices.Clip(m.applied)
	return file{state: state, label: engine.SnapshotMeta{
		ID: n.snapshotID(), Position: state[len(state)-1].Position(),
		Membership: m.membership, ConfigurationIndex: m.configuration, Size: bytesOf(state), Checksum: m.sum,
	}}, nil
}

// snapshotID names the newest capture: the third of n1 is 103, in hexadecimal, and the 259th differs in its upper half.
func (n *node) snapshotID() uint64 {
	return n.store.count>>8<<32 | uint64(n.peer.ID)<<8 | n.store.count&0xff
}

// Capture takes a snapshot of the node's machine as it is now. The engine hears of it by Report.
func (c *Cluster) Capture(id engine.NodeID) error {
	n, err := c.running(id)
	if err != nil {
		return err
	}
	taken, err := n.capture()
	if err != nil {
		return err
	}
	n.store.captures = append(n.store.captures, taken)
	n.store.hinted = false
	c.tell("%v captures its state at %v as snapshot %x, %d bytes", id, taken.label.Position, taken.label.ID, taken.label.Size)
	return nil
}

// Report completes the oldest capture and tells the node's engine. It reports whether there was one.
func (c *Cluster) Report(id engine.NodeID) bool {
	n := c.node(id)
	if n.engine == nil || len(n.store.captures) == 0 {
		return false
	}
	taken := n.store.captures[0]
	n.store.captures = n.store.captures[1:]
	n.store.files[taken.label.ID] = taken
	c.handle(n, &engine.SnapshotTaken{Now: c.clock(n), Snapshot: taken.label})
	return true
}

// Restored returns how often machines were given a snapshot of another node.
func (c *Cluster) Restored() int { return c.restored }

// Hinted reports whether the node's engine has asked for a snapshot since the last capture.
func (c *Cluster) Hinted(id engine.NodeID) bool { return c.node(id).store.hinted }

// Captures returns how many captures wait for Report.
func (c *Cluster) Captures(id engine.NodeID) int { return len(c.node(id).store.captures) }

// Transfer is a snapshot under way.
type Transfer struct {
	ID       engine.TransferID
	From, To engine.NodeID
	Left     uint64 // bytes
}

// Transfers returns what is being sent, ordered by sender and receiver.
func (c *Cluster) Transfers() []Transfer {
	var all []Transfer
	for _, n := range c.nodes {
		first := len(all)
		for id, out := range n.store.sends {
			all = append(all, Transfer{ID: id, From: n.peer.ID, To: out.to, Left: out.label.Size - out.offset})
		}
		slices.SortFunc(all[first:], func(a, b Transfer) int { return int(a.To) - int(b.To) })
	}
	return all
}

var (
	errInterrupted = errors.New("the connection broke")
	errNoRoom      = errors.New("no room on the disk")
	errDamaged     = errors.New("the bytes are not those that were announced")
)

// MoveChunk moves at most so many bytes of a transfer. A transfer that the receiver does not know, or that nobody can
// reach, fails at its sender.
func (c *Cluster) MoveChunk(t Transfer, bytes uint64) {
	from, to := c.node(t.From), c.node(t.To)
	out := from.store.sends[t.ID]
	switch {
	case out == nil || from.engine == nil:
		return
	case to == nil || to.engine == nil || c.network.cut[link{t.From, t.To}] || c.network.cut[link{t.To, t.From}]:
		c.Interrupt(t, false)
		return
	}
	label, expected := to.store.receives[t.ID]
	if !expected || to.store.partial[label.ID] < out.offset || label.ID != out.label.ID {
		c.Interrupt(t, false)
		return
	}
	bytes = min(bytes, label.Size-out.offset)
	c.tell("%v receives %d bytes of snapshot %x from %v, from byte %d on", t.To, bytes, label.ID, t.From, out.offset)
	out.offset += bytes
	to.store.partial[label.ID] = max(to.store.partial[label.ID], out.offset)
	if out.offset == label.Size {
		c.complete(t)
	}
}

// complete ends a transfer of which every byte has arrived.
func (c *Cluster) complete(t Transfer) {
	from, to := c.node(t.From), c.node(t.To)
	label := to.store.receives[t.ID]
	content, kept := from.store.files[label.ID]
	if !kept {
		c.fail(fmt.Errorf("scenario: %v sends snapshot %x, which was removed", t.From, label.ID))
		return
	}
	delete(from.store.sends, t.ID)
	delete(to.store.receives, t.ID)
	delete(to.store.partial, label.ID)
	to.store.files[label.ID] = content
	c.handle(to, &engine.SnapshotReceived{Now: c.clock(to), Transfer: t.ID})
	c.handle(from, &engine.SnapshotSendResult{Now: c.clock(from), Transfer: t.ID})
}

// Interrupt fails a transfer at its sender. The receiver is not told; what has arrived stays there.
func (c *Cluster) Interrupt(t Transfer, unreadable bool) {
	n := c.node(t.From)
	if n.engine == nil || n.store.sends[t.ID] == nil {
		return
	}
	delete(n.store.sends, t.ID)
	c.handle(n, &engine.SnapshotSendResult{Now: c.clock(n), Transfer: t.ID, Err: errInterrupted, Unreadable: unreadable})
}

// Damage makes the receiver find out that what has arrived is wrong. Nothing of it is kept.
func (c *Cluster) Damage(t Transfer) {
	n := c.node(t.To)
	if n == nil || n.engine == nil {
		return
	}
	label, expected := n.store.receives[t.ID]
	if !expected {
		return
	}
	delete(n.store.receives, t.ID)
	delete(n.store.partial, label.ID)
	c.handle(n, &engine.SnapshotReceived{Now: c.clock(n), Transfer: t.ID, Err: errDamaged})
}

// FillDisk leaves the node no room for the snapshots of others; or gives it room again.
func (c *Cluster) FillDisk(id engine.NodeID, full bool) { c.node(id).store.full = full }

// expect answers the engine's order to receive a snapshot.
func (c *Cluster) expect(n *node, a *engine.ReceiveSnapshot) engine.Event {
	if n.store.full {
		delete(n.store.receives, a.Transfer)
		return &engine.SnapshotReceived{Now: c.clock(n), Transfer: a.Transfer, Err: errNoRoom}
	}
	if len(n.store.receives) > 0 && n.store.receives[a.Transfer].ID != a.Snapshot.ID {
		c.fail(fmt.Errorf("scenario: %v is to receive two snapshots at once", n.peer.ID))
	}
	n.store.receives[a.Transfer] = a.Snapshot
	if _, complete := n.store.files[a.Snapshot.ID]; complete {
		n.store.partial[a.Snapshot.ID] = a.Snapshot.Size
	}
	return &engine.SnapshotExpected{Now: c.clock(n), Transfer: a.Transfer, Offset: n.store.partial[a.Snapshot.ID]}
}

// sweep removes the files that nobody needs.
func (c *Cluster) sweep(n *node) {
	if n.engine == nil || len(n.store.files) < 2 {
		return
	}
	keep := n.engine.SnapshotsInUse()
	for _, t := range n.machine.waiting {
		if t.restore != nil {
			keep = append(keep, t.restore.ID)
		}
	}
	for id := range n.store.files {
		if !slices.Contains(keep, id) {
			delete(n.store.files, id)
		}
	}
}

// sumOf continues the checksum of a history by one entry.
func sumOf(sum uint64, e engine.Entry) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %v %v %s", sum, e.Position(), e.Kind, e.Data)
	return h.Sum64()
}

// take lets the machine apply one entry and compares the state with what every other machine had there.
func (c *Cluster) take(n *node, e engine.Entry) {
	m := &n.machine
	if int(e.Index) != len(m.applied)+1 {
		c.fail(fmt.Errorf("scenario: %v applies %v, its machine is at %d", n.peer.ID, e.Position(), len(m.applied)))
		return
	}
	m.applied, m.sum = append(m.applied, e), sumOf(m.sum, e)
	if e.Kind == engine.EntryConfiguration {
		configuration, err := engine.DecodeConfiguration(e.Data)
		c.fail(err)
		m.membership, m.configuration = configuration.Membership, e.Index
	}
	c.compare(n)
}

// restore puts a snapshot in the place of the machine's state.
func (c *Cluster) restore(n *node, label engine.SnapshotMeta) {
	from, kept := n.store.files[label.ID]
	if !kept {
		c.fail(fmt.Errorf("scenario: %v restores snapshot %x, which was removed", n.peer.ID, label.ID))
		return
	}
	m := &n.machine
	m.applied, m.sum = slices.Clip(from.state), 0
	for _, e := range from.state {
		m.sum = sumOf(m.sum, e)
	}
	m.membership, m.configuration = label.Membership, label.ConfigurationIndex
	c.compare(n)
}

// compare holds that machines at one index are in one state, whether they came there by entries or by a snapshot.
func (c *Cluster) compare(n *node) {
	if c.states == nil { // a disk has lied: nothing is promised
		return
	}
	index := engine.Index(len(n.machine.applied))
	if first, known := c.states[index]; known && first != n.machine.sum {
		c.fail(fmt.Errorf("scenario: %v is in state %x at %d, where others were in %x", n.peer.ID, n.machine.sum, index, first))
	}
	c.states[index] = n.machine.sum
}
