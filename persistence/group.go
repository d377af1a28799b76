package persistence

import (
	"fmt"
	"maps"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// groupState is what the records of one group add up to, the entries themselves aside. It is what a checkpoint
// holds. Writing and recovery go through the same methods, so nothing is written that recovery would refuse.
//
// Invariant: base.Index ≤ snapshot.Position.Index ≤ commit ≤ last.Index, and last.Term ≤ hard.Term, at the end of
// every batch.
type groupState struct {
	hard     engine.HardState
	base     engine.Position // the log begins right after it
	last     engine.Position // of the last entry; base when there is none
	commit   engine.Index
	snapshot SnapshotName // that a restart begins with; zero before the first

	// runs tells the terms of the entries above base, as far as the records read or written do: from each position on,
	// up to the next, entries have its term. Indexes rise, and so do terms. It is not part of a checkpoint.
	runs []engine.Position
	// extents tells in which segments the entries above base lie, as far as runs tells their terms.
	extents []extent
}

// extent says that the entries from an index on, up to the next extent, lie in one segment. Over a group's extents, both
// rise.
type extent struct {
	from    engine.Index
	segment uint64
}

// fields lists the state in the order of a checkpoint record.
func (s *groupState) fields() [checkpointSize / 8]uint64 {
	return [...]uint64{
		uint64(s.hard.Term), uint64(s.hard.Vote), uint64(s.hard.VoteIncarnation),
		uint64(s.base.Term), uint64(s.base.Index),
		uint64(s.last.Term), uint64(s.last.Index),
		uint64(s.commit),
		s.snapshot.ID, uint64(s.snapshot.Position.Term), uint64(s.snapshot.Position.Index),
	}
}

func groupStateOf(f [checkpointSize / 8]uint64) groupState {
	position := func(term, index uint64) engine.Position {
		return engine.Position{Term: engine.Term(term), Index: engine.Index(index)}
	}
	return groupState{
		hard:     hardStateOf(f[0], f[1], f[2]),
		base:     position(f[3], f[4]),
		last:     position(f[5], f[6]),
		commit:   engine.Index(f[7]),
		snapshot: SnapshotName{ID: f[8], Position: position(f[9], f[10])},
	}
}

func hardStateOf(term, vote, incarnation uint64) engine.HardState {
	return engine.HardState{
		Term: engine.Term(term), Vote: engine.NodeID(vote), VoteIncarnation: engine.Incarnation(incarnation),
	}
}

// setHardState refuses what would forget a term or change a vote (dissertation §3.6.2 rests on neither). A vote goes
// to one incarnation: the same node with a wiped disk is another candidate.
func (s *groupState) setHardState(h engine.HardState) error {
	if h.Term < s.hard.Term {
		return fmt.Errorf("hard state of term %d after term %d", h.Term, s.hard.Term)
	}
	if voted := candidate(s.hard); h.Term == s.hard.Term && s.hard.Vote != 0 && candidate(h) != voted {
		return fmt.Errorf("vote of term %d changes from %v to %v", h.Term, voted, candidate(h))
	}
	s.hard = h
	return nil
}

// candidate returns whom the vote went to.
func candidate(h engine.HardState) engine.Peer {
	return engine.Peer{ID: h.Vote, Incarnation: h.VoteIncarnation}
}

// replaceFrom takes entries, written to a segment, that replace the log from the first of them on.
func (s *groupState) replaceFrom(entries []engine.Entry, segment uint64) error {
	if len(entries) == 0 {
		return fmt.Errorf("record without entries")
	}
	first := entries[0]
	switch {
	case first.Index > s.last.Index+1:
		return fmt.Errorf("entry %v leaves a gap after %v", first.Position(), s.last)
	case first.Index <= s.base.Index:
		return fmt.Errorf("entry %v lies below the log, which begins after %v", first.Position(), s.base)
	case first.Index <= s.commit:
		return fmt.Errorf("entry %v replaces what is committed up to %d", first.Position(), s.commit)
	case first.Term < s.termBefore(first.Index):
		return fmt.Errorf("entry %v after term %d", first.Position(), s.termBefore(first.Index))
	}
	if err := checkConsecutive(entries); err != nil {
		return err
	}
	s.cutRuns(first.Index)
	s.addRuns(entries)
	s.addExtent(extent{from: first.Index, segment: segment})
	s.last = entries[len(entries)-1].Position()
	s.dropExtents() // what was replaced may have been all that was needed of a segment beside entries below the base
	return nil
}

// termBefore returns the term of the entry before index, or a lower one where it is not known.
func (s *groupState) termBefore(index engine.Index) engine.Term {
	if term, known := s.termAt(index - 1); known {
		return term
	}
	return s.base.Term
}

// termAt returns the term of the log's entry at the index, or of its base, where it is known.
func (s *groupState) termAt(index engine.Index) (engine.Term, bool) {
	if index == s.base.Index {
		return s.base.Term, true
	}
	for _, run := range slices.Backward(s.runs) {
		if run.Index <= index {
			return run.Term, index <= s.last.Index
		}
	}
	return 0, false
}

func (s *groupState) cutRuns(from engine.Index) {
	for len(s.runs) > 0 && s.runs[len(s.runs)-1].Index >= from {
		s.runs = s.runs[:len(s.runs)-1]
	}
}

func (s *groupState) addRuns(entries []engine.Entry) {
	for i := range entries {
		if n := len(s.runs); n == 0 || s.runs[n-1].Term != entries[i].Term {
			s.runs = append(s.runs, entries[i].Position())
		}
	}
}

// addExtent notes where entries were written. What they replace needs its segment no more.
func (s *groupState) addExtent(e extent) {
	for len(s.extents) > 0 && s.extents[len(s.extents)-1].from >= e.from {
		s.extents = s.extents[:len(s.extents)-1]
	}
	if n := len(s.extents); n == 0 || s.extents[n-1].segment != e.segment {
		s.extents = append(s.extents, e)
	}
}

// checkConsecutive holds entries to rising indexes and terms that never fall.
func checkConsecutive(entries []engine.Entry) error {
	for i := 1; i < len(entries); i++ {
		before, e := &entries[i-1], &entries[i]
		if e.Index != before.Index+1 || e.Term < before.Term {
			return fmt.Errorf("entry %v after entry %v", e.Position(), before.Position())
		}
	}
	return nil
}

// setCommit takes a commit index; an older one changes nothing.
func (s *groupState) setCommit(commit engine.Index) { s.commit = max(s.commit, commit) }

// check holds what must be true when a batch is complete.
func (s *groupState) check() error {
	if s.last.Term > s.hard.Term {
		return fmt.Errorf("log ends at %v, beyond the current term %d", s.last, s.hard.Term)
	}
	if s.commit > s.last.Index || s.commit < s.base.Index {
		return fmt.Errorf("commit index %d outside of the log %v..%v", s.commit, s.base, s.last)
	}
	if at := s.snapshot.Position.Index; at < s.base.Index || at > s.commit {
		return fmt.Errorf("snapshot of %v outside of base %v and commit index %d", s.snapshot.Position, s.base, s.commit)
	}
	return nil
}

// apply takes a caller's record, written to a segment.
func (s *groupState) apply(r *record, segment uint64) error {
	switch r.kind {
	case recordEntries:
		return s.replaceFrom(r.entries, segment)
	case recordHardState:
		return s.setHardState(r.state)
	case recordSnapshot:
		return s.switchTo(r.to)
	default: // a commit: callers make no other kinds
		s.setCommit(r.commit)
		return nil
	}
}

// groupStates is the state of every group that has one.
type groupStates map[Group]*groupState

// of returns the state of the group, a new one if it has none.
func (all groupStates) of(group Group) *groupState {
	s, ok := all[group]
	if !ok {
		s = &groupState{}
		all[group] = s
	}
	return s
}

// checkpointSize returns what a checkpoint of every group takes, in bytes.
func (all groupStates) checkpointSize() int64 {
	return int64(len(all)) * (recordHeaderSize + checkpointSize)
}

// appendCheckpoints encodes a checkpoint of every group, in the order of their numbers.
func (all groupStates) appendCheckpoints(to []byte) []byte {
	for _, group := range slices.Sorted(maps.Keys(all)) {
		to = appendCheckpoint(to, group, all[group])
	}
	return to
}

// oldestNeeded returns the number of the oldest segment with an entry that some group needs, or limit if that is lower.
func (all groupStates) oldestNeeded(limit uint64) uint64 {
	for _, s := range all {
		if len(s.extents) > 0 {
			limit = min(limit, s.extents[0].segment)
		}
	}
	return limit
}

// apply takes a batch that is written to a segment: each record is checked against what came before it, and the whole
// when it is complete.
func (all groupStates) apply(batch *Batch, segment uint64) error {
	for i := range batch.records {
		r := &batch.records[i]
		if err := all.of(r.group).apply(r, segment); err != nil {
			return fmt.Errorf("%w: group %d: %w", ErrInvalidBatch, r.group, err)
		}
	}
	for i := range batch.records {
		group := batch.records[i].group
		if err := all[group].check(); err != nil {
			return fmt.Errorf("%w: group %d: %w", ErrInvalidBatch, group, err)
		}
	}
	return nil
}

// groupLog is a group's state with its entries.
//
// Invariant: entries are consecutive from first, which is above base. Those between base and first were written before
// the oldest segment that is left; at the end of recovery there may be none.
type groupLog struct {
	groupState
	first   engine.Index // of entries[0], or of the entry that would be it
	entries []engine.Entry
}

// newGroupLog returns the log of a group whose state is known, from a checkpoint for example, and its entries are not.
func newGroupLog(s groupState) *groupLog {
	if s.last.Index > s.base.Index {
		s.runs = []engine.Position{s.last}
	}
	return &groupLog{groupState: s, first: s.last.Index + 1}
}

// apply takes a caller's record.
func (g *groupLog) apply(r *record) error {
	switch r.kind {
	case recordEntries:
		return g.replaceFrom(r.entries, 0)
	case recordSnapshot:
		return g.switchTo(r.to)
	default:
		return g.groupState.apply(r, 0)
	}
}

// replaceFrom voids the entries from entries[0].Index on and appends entries. It keeps no reference to the slice.
func (g *groupLog) replaceFrom(entries []engine.Entry, segment uint64) error {
	if err := g.groupState.replaceFrom(entries, segment); err != nil {
		return err
	}
	if from := entries[0].Index; from < g.first {
		g.first, g.entries = from, g.entries[:0]
	} else {
		g.entries = g.entries[:from-g.first]
	}
	g.entries = append(g.entries, entries...)
	return nil
}

// switchTo goes over to a snapshot and gives up the entries that go with it, their data included.
func (g *groupLog) switchTo(to SnapshotSwitch) error {
	if err := g.groupState.switchTo(to); err != nil {
		return err
	}
	if !to.Keep {
		g.first, g.entries = to.Base.Index+1, nil
	}
	if to.Base.Index >= g.first {
		below := to.Base.Index + 1 - g.first
		clear(g.entries[:below])
		g.first, g.entries = to.Base.Index+1, g.entries[below:]
	}
	return nil
}

// recovered checks the whole and hands it over. That entries are consecutive and terms never fall was held record by
// record; only the base may be newer than what the first of them was compared with.
func (g *groupLog) recovered() (Recovered, error) {
	if g.first > g.base.Index+1 {
		return Recovered{}, fmt.Errorf("entries %d..%d are missing", g.base.Index+1, g.first-1)
	}
	if len(g.entries) > 0 && g.entries[0].Term < g.base.Term {
		return Recovered{}, fmt.Errorf("entry %v after %v", g.entries[0].Position(), g.base)
	}
	return Recovered{
		HardState: g.hard, Base: g.base, Entries: slices.Clip(g.entries), Commit: g.commit, Snapshot: g.snapshot,
	}, g.check()
}
