package remote

import (
	"github.com/yggr-go/yggr/engine"
)

// maxPosition bounds terms and indexes, so that no sum of a peer's numbers overflows.
const maxPosition = 1 << 62

// validate is the gate before the engine: what passes cannot break it. It knows nothing of the engine's state;
// whether a message makes sense now is the engine's to judge. The error wraps [ErrMalformed].
func validate(message engine.Message) error {
	if t := message.MessageTerm(); t == 0 || t > maxPosition {
		return malformed("%T of term %d", message, t)
	}
	switch m := message.(type) {
	case *engine.AppendEntries:
		return validateAppendEntries(m)
	case *engine.AppendEntriesResponse:
		return validateAppendEntriesResponse(m)
	case *engine.Heartbeat:
		return validateIndex("heartbeat commit", m.Commit)
	case *engine.RequestPreVote:
		return validateCandidate(m.Term, m.Last)
	case *engine.RequestVote:
		return validateCandidate(m.Term, m.Last)
	case *engine.SnapshotOffer:
		return validateSnapshotOffer(m)
	case *engine.SnapshotOfferResponse:
		return validateSnapshotOfferResponse(m)
	case *engine.Removed:
		return validateRemoved(m)
	case *engine.ProposalForward:
		return validateForward(m)
	case *engine.ProposalForwardResult:
		return validateForwardResult(m)
	default:
	}
	return nil
}

func validateIndex(what string, index engine.Index) error {
	if index > maxPosition {
		return malformed("%s %d overflows", what, index)
	}
	return nil
}

// validatePosition holds that a position has both parts or none, and its term is not beyond limit.
func validatePosition(what string, p engine.Position, limit engine.Term) error {
	if (p.Term == 0) != (p.Index == 0) || p.Term > limit || p.Index > maxPosition {
		return malformed("%s %v in a message of term %d", what, p, limit)
	}
	return nil
}

// A candidate's log is older than the term it asks for: only a leader appends in its term (dissertation §3.4).
func validateCandidate(term engine.Term, last engine.Position) error {
	return validatePosition("last entry", last, term-1)
}

// What is committed is never nothing, and nobody is told of a life that no directory can have.
func validateRemoved(m *engine.Removed) error {
	if m.Incarnation == 0 || m.Commit.Index == 0 {
		return malformed("notice of removal for incarnation %d as of %v", m.Incarnation, m.Commit)
	}
	return validatePosition("commit", m.Commit, m.Term)
}

func validateAppendEntries(m *engine.AppendEntries) error {
	if err := validatePosition("previous entry", m.Prev, m.Term); err != nil {
		return err
	}
	if err := validateIndex("commit", m.Commit); err != nil {
		return err
	}
	if len(m.Entries) > maxEntries {
		return malformed("%d entries, more than %d", len(m.Entries), maxEntries)
	}
	previous := m.Prev
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.Index != previous.Index+1 || e.Index > maxPosition {
			return malformed("entry %v after %v", e.Position(), previous)
		}
		if e.Term == 0 || e.Term < previous.Term || e.Term > m.Term {
			return malformed("entry %v after %v in a message of term %d", e.Position(), previous, m.Term)
		}
		if err := validateEntryData(e); err != nil {
			return err
		}
		previous = e.Position()
	}
	return nil
}

func validateEntryData(e *engine.Entry) error {
	switch e.Kind {
	case engine.EntryCommand:
		return nil
	case engine.EntryNoOp:
		if len(e.Data) != 0 {
			return malformed("no-op %v with %d bytes of data", e.Position(), len(e.Data))
		}
		return nil
	case engine.EntryConfiguration:
		if _, err := engine.DecodeConfiguration(e.Data); err != nil {
			return malformed("entry %v: %w", e.Position(), err)
		}
		return nil
	}
	return malformed("entry %v of unknown %v", e.Position(), e.Kind)
}

// A conflict of term zero means that the log ends right before its index; with index zero too it tells nothing, as
// when the whole request is of an older term.
func validateAppendEntriesResponse(m *engine.AppendEntriesResponse) error {
	if err := validateIndex("match", m.Match); err != nil {
		return err
	}
	if err := validateIndex("conflict", m.Conflict.Index); err != nil {
		return err
	}
	switch {
	case m.Accepted && m.Conflict != (engine.Position{}):
		return malformed("accepted append with conflict %v", m.Conflict)
	case !m.Accepted && m.Match != 0:
		return malformed("rejected append with match %d", m.Match)
	case m.Conflict.Term > m.Term, m.Conflict.Term != 0 && m.Conflict.Index == 0:
		return malformed("conflict %v in a message of term %d", m.Conflict, m.Term)
	}
	return nil
}

func validateSnapshotOffer(m *engine.SnapshotOffer) error {
	if m.Transfer == 0 {
		return malformed("snapshot offer without a transfer")
	}
	if err := validatePosition("snapshot", m.Snapshot.Position, m.Term); err != nil {
		return err
	}
	if err := m.Snapshot.Validate(); err != nil {
		return malformed("snapshot offer: %w", err)
	}
	return nil
}

func validateSnapshotOfferResponse(m *engine.SnapshotOfferResponse) error {
	if err := validateIndex("match", m.Match); err != nil {
		return err
	}
	switch {
	case m.Transfer == 0:
		return malformed("answer to a snapshot offer without a transfer")
	case m.Verdict < engine.SnapshotAccepted || m.Verdict > engine.SnapshotHeld:
		return malformed("answer to a snapshot offer with unknown %v", m.Verdict)
	case m.Offset != 0 && m.Verdict != engine.SnapshotAccepted, m.Match != 0 && m.Verdict != engine.SnapshotHeld:
		return malformed("answer to a snapshot offer, %v, with offset %d and match %d", m.Verdict, m.Offset, m.Match)
	}
	return nil
}

func validateForward(m *engine.ProposalForward) error {
	switch {
	case m.Origin == 0 || m.ID == 0:
		return malformed("forwarded proposal %d of origin %d", m.ID, m.Origin)
	case len(m.Commands) == 0 || len(m.Commands) > maxEntries:
		return malformed("forwarded proposal of %d commands", len(m.Commands))
	}
	return nil
}

func validateForwardResult(m *engine.ProposalForwardResult) error {
	if err := validatePosition("appended command", m.Position, maxPosition); err != nil {
		return err
	}
	switch {
	case m.Origin == 0 || m.ID == 0:
		return malformed("result of forwarded proposal %d of origin %d", m.ID, m.Origin)
	case m.Outcome < engine.ForwardApplied || m.Outcome > engine.ForwardBadCommand:
		return malformed("result of a forwarded proposal with unknown outcome %d", m.Outcome)
	case m.Leader != 0 && m.Outcome != engine.ForwardNotLeader,
		m.Position != (engine.Position{}) && m.Outcome != engine.ForwardUnknown,
		(len(m.Responses) > 0) != (m.Outcome == engine.ForwardApplied), len(m.Responses) > maxEntries:
		return malformed("result of a forwarded proposal, outcome %d, with leader %v, position %v and %d responses",
			m.Outcome, m.Leader, m.Position, len(m.Responses))
	}
	return nil
}
