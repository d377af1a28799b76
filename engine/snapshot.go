package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// SnapshotMeta is the label of a snapshot: everything that a protocol needs to know of one. Its bytes never pass
// through an engine. Index, term and membership come from the apply stream at the point of capture, never from what
// the node believes by then: a label that is wrong by one entry is a state that is wrong for ever.
//
// Invariant: immutable; Position is committed, and ConfigurationIndex ≤ Position.Index.
type SnapshotMeta struct {
	// ID names the snapshot wherever it is sent: the host that captured it draws it at random, so that no two of a
	// cluster share one. Zero: no snapshot.
	ID                 uint64
	Position           Position   // of the last entry in it
	Membership         Membership // in force at Position
	ConfigurationIndex Index      // of the entry that made Membership
	Size               uint64     // bytes of the whole file
	Checksum           uint64     // over the whole file, by whatever rule the hosts of a cluster share
}

// String prints the id in hexadecimal and the position: 2a at 3/15.
func (s SnapshotMeta) String() string { return fmt.Sprintf("%x at %v", s.ID, s.Position) }

// ErrInvalidSnapshot is wrapped by what [SnapshotMeta.Validate] returns.
var ErrInvalidSnapshot = errors.New("engine: invalid snapshot label")

// Validate refuses a label that no snapshot can have, whatever the log.
func (s SnapshotMeta) Validate() error {
	switch {
	case s.ID == 0:
		return fmt.Errorf("%w: no id", ErrInvalidSnapshot)
	case s.Position.Term == 0 || s.Position.Index == 0:
		return fmt.Errorf("%w: %x at %v", ErrInvalidSnapshot, s.ID, s.Position)
	case s.ConfigurationIndex == 0 || s.ConfigurationIndex > s.Position.Index:
		return fmt.Errorf("%w: %v with a configuration of index %d", ErrInvalidSnapshot, s, s.ConfigurationIndex)
	case len(s.Membership.Members) == 0 || len(s.Membership.Members) > MaxMembers:
		return fmt.Errorf("%w: %v with %d members", ErrInvalidSnapshot, s, len(s.Membership.Members))
	}
	if err := s.Membership.validate(); err != nil {
		return fmt.Errorf("%w: %v: %w", ErrInvalidSnapshot, s, err)
	}
	return nil
}

// useful reports whether the snapshot may take the place of a log. One of the founders' entry alone may not: a log that
// ends there is that of a founder that no leader has met, and no member that comes back may look like one.
func (s *SnapshotMeta) useful() bool { return s.Position.Index > founded.Index }

// configuration returns the configuration that the label carries.
func (s *SnapshotMeta) configuration() configurationAt {
	return configurationAt{index: s.ConfigurationIndex, Configuration: Configuration{Membership: s.Membership}}
}

// snapshotTaken takes in that the host has a complete snapshot of its own, and lets the log go that it replaces
// (dissertation §5.1).
func (e *Engine) snapshotTaken(s *SnapshotMeta) {
	if s.Position.Index <= e.snapshot.Position.Index || !s.useful() {
		if e.tracing {
			e.tracef("%v has no use for its snapshot %v: it holds %v", e.cfg.ID, s, e.snapshot)
		}
		e.discard(s.ID)
		return
	}
	if reason := e.whyNotLabel(s); reason != "" {
		e.stop(&SnapshotLabelError{Node: e.cfg.ID, Snapshot: *s, Reason: reason})
		return
	}
	e.appliedUpTo(s.Position.Index) // whose state it is
	e.sinceSnapshot -= e.log.size(max(e.snapshot.Position.Index, e.log.base.Index)+1, s.Position.Index)
	e.snapshot = *s
	e.metrics.SnapshotsTaken++
	e.resetHints()
	e.compact()
}

// whyNotLabel says what of a label contradicts our own log; empty when nothing does.
func (e *Engine) whyNotLabel(s *SnapshotMeta) string {
	if err := s.Validate(); err != nil {
		return err.Error()
	}
	if s.Position.Index > e.handed {
		return fmt.Sprintf("nothing beyond %d was handed out", e.handed)
	}
	if term, _ := e.log.term(s.Position.Index); term != s.Position.Term {
		return fmt.Sprintf("the entry there is of term %d", term)
	}
	c := e.log.configurationUpTo(s.Position.Index)
	if c.index != s.ConfigurationIndex || !slices.Equal(c.Membership.Members, s.Membership.Members) {
		return fmt.Sprintf("the membership there is %v of index %d, the label says %v of index %d",
			c.Membership, c.index, s.Membership, s.ConfigurationIndex)
	}
	return ""
}

// compact drops the log that neither the snapshot's trailing log nor a transfer needs, and makes the switch durable.
func (e *Engine) compact() {
	e.log.compact(e.compactionPoint())
	if e.tracing {
		e.tracef("%v keeps snapshot %v and its log after %v", e.cfg.ID, e.snapshot, e.log.base)
	}
	e.saveState()
	e.saveSnapshot(e.disk.writeState(e.now), true)
	e.leaveBehind()
}

// compactionPoint returns the index up to which the log may go: the trailing log stays, so that a follower slightly
// behind needs no snapshot, and so does what a transfer under way will need next.
func (e *Engine) compactionPoint() Index {
	point := e.trailingFrom(e.snapshot.Position.Index)
	for _, p := range e.followers {
		pin, pinned := e.pinOf(p)
		switch {
		case !pinned || pin >= point:
		case e.log.size(max(pin, e.log.base.Index)+1, e.log.lastIndex()) > e.cfg.MaxPinnedBytes:
			e.unpin(p)
		default:
			point = max(pin, e.log.base.Index)
		}
	}
	return point
}

// trailingFrom returns the index after which the trailing log up to index begins, bounded by entries and bytes.
func (e *Engine) trailingFrom(index Index) Index {
	lowest := max(e.log.base.Index, index-min(index, Index(e.cfg.TrailingLogEntries)))
	bytes := 0
	for i := index; i > lowest; i-- {
		if bytes += e.log.at(i).Size(); bytes > e.cfg.TrailingLogBytes {
			return i
		}
	}
	return lowest
}

// discard tells the host that a snapshot file is not needed.
func (e *Engine) discard(id uint64) {
	e.out.add(&DiscardSnapshot{ID: id})
}

// switched is a switch to a snapshot that was asked for.
type switched struct {
	seq Seq // zero: recovered
	id  uint64
}

// saveSnapshot asks the host for the switch to the snapshot, with seq as its number.
func (e *Engine) saveSnapshot(seq Seq, keep bool) {
	for len(e.switches) > 1 && e.switches[1].seq <= e.disk.confirmed {
		e.switches = e.switches[1:]
	}
	e.switches = append(e.switches, switched{seq: seq, id: e.snapshot.ID})
	e.out.add(&PersistSnapshot{Seq: seq, Snapshot: e.snapshot, Base: e.log.base, Keep: keep})
}

// SnapshotsInUse returns the ids of the snapshots that this node may still need, ascending: the one that a restart would
// begin from, those that it would begin from when a switch under way is durable, and those that are promised to
// followers. A host that removes files keeps these, and what it is just receiving or restoring.
func (e *Engine) SnapshotsInUse() []uint64 {
	var ids []uint64
	for i, s := range e.switches {
		if i+1 == len(e.switches) || e.switches[i+1].seq > e.disk.confirmed {
			ids = append(ids, s.id)
		}
	}
	for _, p := range e.followers {
		if p.transfer != nil {
			ids = append(ids, p.transfer.snapshot.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Encode returns the one encoding of a membership, as labels of snapshots carry it on disk and between nodes.
//
//	version u8 | count uvarint | count × member, as in [Configuration.Encode]
func (m Membership) Encode() []byte { return m.appendTo([]byte{configurationVersion}) }

// DecodeMembership reads what [Membership.Encode] wrote. It refuses anything else, with an error that wraps
// [ErrInvalidMembership].
func DecodeMembership(data []byte) (Membership, error) {
	d := decoder{rest: data}
	if v := d.byte(); v != configurationVersion {
		return Membership{}, fmt.Errorf("%w: version %d, this build reads %d", ErrInvalidMembership, v, configurationVersion)
	}
	m := d.membership()
	if d.failed || len(d.rest) != 0 || !bytes.Equal(m.Encode(), data) {
		return Membership{}, fmt.Errorf("%w: %d bytes do not form a membership", ErrInvalidMembership, len(data))
	}
	return m, m.validate()
}
