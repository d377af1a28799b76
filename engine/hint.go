package engine

// HintReason says which limit made a snapshot worth its cost.
type HintReason uint8

const (
	// HintApplied: [Config.SnapshotHintEntries] were applied since the last snapshot.
	HintApplied HintReason = 1
	// HintLiveEntries: the log above the last snapshot has more than [Config.MaxLogEntries].
	HintLiveEntries HintReason = 2
	// HintLiveBytes: the log above the last snapshot has [Config.SnapshotHintBytes].
	HintLiveBytes HintReason = 3
)

// String names the reason.
func (r HintReason) String() string {
	switch r {
	case HintApplied:
		return "applied entries"
	case HintLiveEntries:
		return "live entries"
	case HintLiveBytes:
		return "live bytes"
	}
	return "unknown"
}

// hints are the levels at which the next hint is due: multiples of the limits, counted from the last snapshot. A
// level that was reached moves up by one limit, so a host that cannot take a snapshot just now is neither asked in
// every Step nor forgotten: it is asked again when as much has come on top.
type hints struct {
	applied, entries, bytes int // never: noHint
}

const noHint = int(^uint(0) >> 1)

// resetHints counts anew from the snapshot.
func (e *Engine) resetHints() {
	e.hints = hints{applied: noHint, entries: noHint, bytes: noHint}
	if limit := e.cfg.SnapshotHintEntries; limit > 0 {
		e.hints.applied = limit
	}
	if limit := e.cfg.MaxLogEntries; limit > 0 {
		e.hints.entries = limit + 1
	}
	if limit := e.cfg.SnapshotHintBytes; limit > 0 {
		e.hints.bytes = limit
	}
}

// hintDue reports whether a level is reached and there is something to take a snapshot of. The trailing log does not
// count: no snapshot would make it shorter.
func (e *Engine) hintDue() bool {
	snapshot := e.snapshot.Position.Index
	return e.applied > snapshot && (int(e.applied-snapshot) >= e.hints.applied ||
		int(e.log.lastIndex()-snapshot) >= e.hints.entries || e.sinceSnapshot+e.unapplied >= e.hints.bytes)
}

// hintSnapshot asks for a snapshot.
func (e *Engine) hintSnapshot() {
	if e.fatal {
		return
	}
	snapshot := e.snapshot.Position.Index
	applied, entries, bytes := int(e.applied-snapshot), int(e.log.lastIndex()-snapshot), e.sinceSnapshot+e.unapplied
	var reason HintReason
	for _, level := range []struct {
		reason       HintReason
		value, limit int
		next         *int
	}{
		{HintApplied, applied, e.cfg.SnapshotHintEntries, &e.hints.applied},
		{HintLiveEntries, entries, e.cfg.MaxLogEntries, &e.hints.entries},
		{HintLiveBytes, bytes, e.cfg.SnapshotHintBytes, &e.hints.bytes},
	} {
		if level.value < *level.next {
			continue
		}
		*level.next += ((level.value-*level.next)/level.limit + 1) * level.limit
		if reason == 0 {
			reason = level.reason
		}
	}
	if e.tracing {
		e.tracef("%v asks for a snapshot at %d: %v", e.cfg.ID, e.applied, reason)
	}
	e.out.add(&SnapshotHint{Reason: reason, Applied: e.applied})
}
