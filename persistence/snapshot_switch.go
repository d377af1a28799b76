package persistence

import (
	"fmt"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// A snapshot replaces the log up to its position (dissertation §5.1), and which snapshot counts is decided by one record
// in the log: a crash leaves the old snapshot with the old log or the new one with the new log, whatever files lie around.

// switchTo goes over to a snapshot.
func (s *groupState) switchTo(to SnapshotSwitch) error {
	if err := s.checkSwitch(to); err != nil {
		return err
	}
	s.snapshot = SnapshotName{ID: to.ID, Position: to.Position}
	s.commit = max(s.commit, to.Position.Index) // only what is committed is ever in a snapshot
	s.base = to.Base
	if to.Keep {
		s.dropRuns()
		s.dropExtents()
	} else {
		s.last, s.runs, s.extents = to.Base, nil, nil
	}
	return nil
}

// checkSwitch refuses what would lose entries that no snapshot covers, or bring back what an earlier one replaced.
func (s *groupState) checkSwitch(to SnapshotSwitch) error {
	switch {
	case to.ID == 0 || to.Position.Index == 0:
		return fmt.Errorf("snapshot %d of %v names none", to.ID, to.Position)
	case !follows(s.snapshot.Position, to.Position):
		return fmt.Errorf("snapshot of %v after one of %v", to.Position, s.snapshot.Position)
	case to.ID == s.snapshot.ID && to.Position != s.snapshot.Position:
		return fmt.Errorf("snapshot %d is of %v, now of %v", to.ID, s.snapshot.Position, to.Position)
	case !follows(s.base, to.Base):
		return fmt.Errorf("base %v after base %v", to.Base, s.base)
	case !follows(to.Base, to.Position):
		return fmt.Errorf("base %v above the snapshot of %v", to.Base, to.Position)
	case to.Keep:
		return s.checkKept(to)
	case to.Base != to.Position:
		return fmt.Errorf("base %v, but nothing is kept below the snapshot of %v", to.Base, to.Position)
	case to.Position.Index < s.commit:
		return fmt.Errorf("snapshot of %v would drop what is committed up to %d", to.Position, s.commit)
	}
	return nil
}

// checkKept finds the entries that the kept log hangs on. What follows a snapshot may stay only where the entry that the
// snapshot ends with is in the log, with its term (figure 5.3): otherwise it may be the tail of another history.
func (s *groupState) checkKept(to SnapshotSwitch) error {
	for _, p := range [...]engine.Position{to.Position, to.Base} {
		if term, known := s.termAt(p.Index); p.Index > s.last.Index || known && term != p.Term {
			return fmt.Errorf("the log that is to be kept, %v..%v, does not hold %v", s.base, s.last, p)
		}
	}
	return nil
}

// follows reports whether a position may be reached from another: it is the same or a later one, and the term does not
// fall on the way.
func follows(from, to engine.Position) bool {
	if to.Index == from.Index {
		return to.Term == from.Term
	}
	return to.Index > from.Index && to.Term >= from.Term
}

// dropRuns forgets the terms of entries below the base. The run that the base lies in begins there from now on; where
// it is not known, because those entries were written before the oldest segment that is left, none is invented.
func (s *groupState) dropRuns() {
	below := 0
	for below < len(s.runs) && s.runs[below].Index <= s.base.Index {
		below++
	}
	if below > 0 {
		s.runs = slices.Delete(s.runs, 0, below-1)
		s.runs[0].Index = s.base.Index
	}
}

// dropExtents forgets where entries at and below the base lie.
func (s *groupState) dropExtents() {
	below := 0
	for below < len(s.extents) && s.endOfExtent(below) <= s.base.Index {
		below++
	}
	s.extents = slices.Delete(s.extents, 0, below)
}

// endOfExtent returns the index of the last entry in the i-th extent.
func (s *groupState) endOfExtent(i int) engine.Index {
	if i+1 < len(s.extents) {
		return s.extents[i+1].from - 1
	}
	return s.last.Index
}
