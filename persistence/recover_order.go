package persistence

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// openSegments reads the headers and holds them to one identity and to numbers without a gap.
func (r *recovery) openSegments(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("%w: no segment", ErrCorrupt)
	}
	buffer := &readBuffer{}
	for _, name := range names {
		s, err := openSegmentReader(r.dir.fsys, r.dir.join(name), name, buffer)
		if err != nil {
			return err
		}
		r.segments = append(r.segments, s)
		if id := s.header.identity; id.Incarnation != r.identity.Incarnation || id.checkWanted(r.identity) != nil {
			return fmt.Errorf("%w: segment %s belongs to %v, the directory to %v", ErrForeign, name, id, r.identity)
		}
	}
	slices.SortFunc(r.segments, func(a, b *segmentReader) int { return cmp.Compare(a.header.number, b.header.number) })
	return r.takeUnbroken()
}

// takeUnbroken goes on with the newest segments that have numbers without a gap.
func (r *recovery) takeUnbroken() error {
	start := 0
	for i, s := range r.segments[1:] {
		before := r.segments[i]
		numbers := fmt.Sprintf("segment %s has number %d, segment %s has %d",
			before.name, before.header.number, s.name, s.header.number)
		switch s.header.number {
		case before.header.number:
			return fmt.Errorf("%w: %s", ErrCorrupt, numbers)
		case before.header.number + 1:
		default:
			start, r.gap = i+1, "; "+numbers
		}
	}
	var err error
	for _, s := range r.segments[:start] {
		r.stale = append(r.stale, s.name)
		err = errors.Join(err, s.close())
	}
	r.segments = r.segments[start:]
	return err
}
