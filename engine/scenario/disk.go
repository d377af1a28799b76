package scenario

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// disk is the storage of one node: what is durable, and before it the queue of writes and of the messages that
// wait for them.
//
// Invariant: the queue is in the order of the engine's actions. A message at its head leaves at once; behind a
// write it waits. That order is the whole contract between an engine and an asynchronous host.
type disk struct {
	content content
	queue   []queued
	stalled bool       // nothing is synced until told
	unsaid  engine.Seq // durable, and the engine has not been told yet; zero: it knows everything
}

// content is what a crash leaves. The commit index rides along with writes: it is never ahead of the entries
// written before it.
type content struct {
	state    engine.HardState
	snapshot engine.SnapshotMeta // that a start begins from; zero: none
	base     engine.Position
	entries  []engine.Entry // consecutive from base
	commit   engine.Index
}

// queued is one Persist action or one waiting message.
type queued struct {
	seq     engine.Seq        // zero: a message
	state   *engine.HardState // of PersistHardState
	entries []engine.Entry    // of PersistLogEntries
	change  *engine.PersistSnapshot
	commit  engine.Index // what the node knew committed when it asked
	message envelope
}

func (d *disk) writes() int {
	count := 0
	for _, q := range d.queue {
		if q.seq != 0 {
			count++
		}
	}
	return count
}

// next takes the head of the queue if it is a message, or if it is a write and another write may be synced.
func (d *disk) next(mayWrite bool) (queued, bool) {
	if len(d.queue) == 0 || (d.queue[0].seq != 0 && !mayWrite) {
		return queued{}, false
	}
	head := d.queue[0]
	d.queue = d.queue[1:]
	return head, true
}

func (c *content) perform(q queued) {
	if q.state != nil {
		c.state = *q.state
	}
	if len(q.entries) > 0 {
		c.entries = append(slices.Clip(c.entries[:q.entries[0].Index-c.base.Index-1]), q.entries...)
	}
	if q.change != nil {
		c.switchTo(q.change)
	}
	c.commit = max(c.commit, q.commit)
}

// switchTo is the one atomic switch from one snapshot and log to the next.
func (c *content) switchTo(s *engine.PersistSnapshot) {
	if s.Keep {
		c.entries = slices.Clone(c.entries[s.Base.Index-c.base.Index:])
	} else {
		c.entries = nil
	}
	c.snapshot, c.base = s.Snapshot, s.Base
}

// crash loses the queue but for its oldest keep writes, which the crash happened to find written.
func (d *disk) crash(keep int) {
	for _, q := range d.queue {
		if q.seq != 0 && keep > 0 {
			d.content.perform(q)
			keep--
		}
	}
	d.queue, d.unsaid = nil, 0
}

// forget drops durable entries from index on: a disk that lied about its syncs, or an operator's mistake.
func (d *disk) forget(from engine.Index) {
	if kept := int(from - d.content.base.Index - 1); kept < len(d.content.entries) {
		d.content.entries = slices.Clip(d.content.entries[:kept])
	}
	d.content.commit = min(d.content.commit, from-1)
}

func (c *content) last() engine.Position {
	if len(c.entries) == 0 {
		return c.base
	}
	return c.entries[len(c.entries)-1].Position()
}
