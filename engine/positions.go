package engine

// Commit returns the commit index, for hosts that store it beside other writes.
func (e *Engine) Commit() Index { return e.commit }
