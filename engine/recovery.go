package engine

import (
	"fmt"
	"slices"
)

// recover takes over the durable state of an earlier life. All of it is durable, which is the caller's word.
func (e *Engine) recover(r Recovered) error {
	if err := r.validate(); err != nil {
		return err
	}
	e.state, e.saved = r.HardState, r.HardState
	e.log.base, e.snapshot = r.Base, r.Snapshot
	decoded, err := decodeConfigurations(r.Entries)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidRecovered, err)
	}
	if r.Snapshot.ID != 0 {
		e.switches = []switched{{id: r.Snapshot.ID}}
	}
	for part := range slices.Chunk(r.Entries, maxBlockEntries) {
		e.log.append(part...)
	}
	if err := e.recoverConfigurations(decoded); err != nil {
		return err
	}
	applied := r.Snapshot.Position.Index
	e.unapplied = e.log.size(applied+1, e.log.lastIndex())
	e.disk.durable = e.log.lastIndex()
	e.commit, e.handed, e.applied = max(r.Commit, applied), applied, applied
	e.resetHints()
	e.configurationsCommitted(e.log.base.Index)
	return nil
}

// recoverConfigurations registers the configurations of the log, and that of the snapshot's label where the log does
// not reach so far back. Between the base and the snapshot both know: there they must agree.
func (e *Engine) recoverConfigurations(decoded []configurationAt) error {
	s := &e.snapshot
	if s.ID == 0 {
		e.log.register(decoded)
		return nil
	}
	if s.ConfigurationIndex <= e.log.base.Index {
		e.log.register([]configurationAt{s.configuration()})
	}
	e.log.register(decoded)
	if c := e.log.configurationUpTo(s.Position.Index); c.index != s.ConfigurationIndex ||
		!slices.Equal(c.Membership.Members, s.Membership.Members) {
		return fmt.Errorf("%w: snapshot %v names membership %v of index %d, the log %v of index %d",
			ErrInvalidRecovered, s, s.Membership, s.ConfigurationIndex, c.Membership, c.index)
	}
	return nil
}

func (r *Recovered) validate() error {
	prev := r.Base
	reached := r.Snapshot.Position == r.Base
	for i := range r.Entries {
		entry := &r.Entries[i]
		if entry.Index != prev.Index+1 || entry.Term < prev.Term || entry.Term == 0 {
			return fmt.Errorf("%w: entry %v follows %v", ErrInvalidRecovered, entry.Position(), prev)
		}
		if entry.Kind < EntryNoOp || entry.Kind > EntryConfiguration {
			return fmt.Errorf("%w: entry %v has unknown kind %d", ErrInvalidRecovered, entry.Position(), entry.Kind)
		}
		prev = entry.Position()
		reached = reached || r.Snapshot.Position == prev
	}
	switch {
	case prev.Term > r.HardState.Term:
		return fmt.Errorf("%w: log ends at %v, beyond term %d", ErrInvalidRecovered, prev, r.HardState.Term)
	case r.Commit > prev.Index:
		return fmt.Errorf("%w: commit %d beyond %v", ErrInvalidRecovered, r.Commit, prev)
	case r.Snapshot.ID == 0 && r.Base != Position{}:
		return fmt.Errorf("%w: log begins after %v and there is no snapshot", ErrInvalidRecovered, r.Base)
	case r.Snapshot.ID == 0:
		return nil
	case !reached:
		return fmt.Errorf("%w: snapshot %v is not of the log %v..%v", ErrInvalidRecovered, r.Snapshot, r.Base, prev)
	}
	if err := r.Snapshot.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidRecovered, err)
	}
	return nil
}

// decodeConfigurations returns the configurations among the entries, ascending by index.
func decodeConfigurations(entries []Entry) ([]configurationAt, error) {
	var found []configurationAt
	for i := range entries {
		if entries[i].Kind != EntryConfiguration {
			continue
		}
		c, err := DecodeConfiguration(entries[i].Data)
		if err != nil {
			return nil, fmt.Errorf("entry %v: %w", entries[i].Position(), err)
		}
		found = append(found, configurationAt{index: entries[i].Index, Configuration: c})
	}
	return found, nil
}
