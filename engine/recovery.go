package engine

import "fmt"

// recover takes over the durable state of an earlier life. All of it is durable, which is the caller's word.
func (e *Engine) recover(r Recovered) error {
	if err := r.validate(); err != nil {
		return err
	}
	e.state, e.saved = r.HardState, r.HardState
	e.log.base = r.Base
	if len(r.Membership.Members) > 0 {
		e.log.register([]configurationAt{{index: r.Base.Index, Configuration: Configuration{Membership: r.Membership}}})
	}
	decoded, err := decodeConfigurations(r.Entries)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidRecovered, err)
	}
	e.log.append(r.Entries...)
	e.log.register(decoded)
	for i := range r.Entries {
		e.unapplied += r.Entries[i].Size()
	}
	e.disk.durable = e.log.lastIndex()
	e.commit, e.handed, e.applied = r.Commit, r.Base.Index, r.Base.Index
	e.configurationsCommitted(r.Base.Index)
	return nil
}

func (r *Recovered) validate() error {
	prev := r.Base
	for i := range r.Entries {
		entry := &r.Entries[i]
		if entry.Index != prev.Index+1 || entry.Term < prev.Term || entry.Term == 0 {
			return fmt.Errorf("%w: entry %v follows %v", ErrInvalidRecovered, entry.Position(), prev)
		}
		if entry.Kind < EntryNoOp || entry.Kind > EntryConfiguration {
			return fmt.Errorf("%w: entry %v has unknown kind %d", ErrInvalidRecovered, entry.Position(), entry.Kind)
		}
		prev = entry.Position()
	}
	switch {
	case prev.Term > r.HardState.Term:
		return fmt.Errorf("%w: log ends at %v, beyond term %d", ErrInvalidRecovered, prev, r.HardState.Term)
	case r.Base.Index > 0 && len(r.Membership.Members) == 0:
		return fmt.Errorf("%w: log begins after %v and no membership is known there", ErrInvalidRecovered, r.Base)
	case r.Commit < r.Base.Index || r.Commit > prev.Index:
		return fmt.Errorf("%w: commit %d outside of %v..%v", ErrInvalidRecovered, r.Commit, r.Base, prev)
	}
	if err := r.Membership.validate(); err != nil {
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
