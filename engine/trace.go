package engine

import "fmt"

// tracef tells one decision. Callers ask e.tracing first, so that a silent engine formats nothing and allocates
// nothing for the arguments.
func (e *Engine) tracef(format string, args ...any) {
	e.cfg.Tracer.Trace(fmt.Sprintf(format, args...))
}

// span prints a range of entries, which is not empty: 3/15 or 3/15..17. The term is that of the first.
func span(entries []Entry) string {
	first, last := entries[0].Position(), entries[len(entries)-1].Index
	if first.Index == last {
		return first.String()
	}
	return fmt.Sprintf("%v..%d", first, last)
}
