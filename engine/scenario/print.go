package scenario

import (
	"fmt"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// The types with a String method put themselves into words only when somebody listens.

// span names entries by ranges of one term: 2/4..6 3/7.
type span []engine.Entry

func (entries span) String() string {
	var ranges []string
	for start := 0; start < len(entries); {
		end := start
		for end+1 < len(entries) && entries[end+1].Term == entries[start].Term {
			end++
		}
		ranges = append(ranges, rangeText(entries[start].Position(), entries[end].Index))
		start = end + 1
	}
	return strings.Join(ranges, " ")
}

func rangeText(first engine.Position, last engine.Index) string {
	if first.Index == last {
		return first.String()
	}
	return fmt.Sprintf("%v..%d", first, last)
}

// String tells a Persist action.
func (q queued) String() string {
	if q.change != nil && q.change.Keep {
		return fmt.Sprintf("#%d: snapshot %v, the log after %v stays", q.seq, q.change.Snapshot, q.change.Base)
	}
	if q.change != nil {
		return fmt.Sprintf("#%d: snapshot %v, the whole log goes", q.seq, q.change.Snapshot)
	}
	if q.state == nil {
		return fmt.Sprintf("#%d: %s", q.seq, span(q.entries))
	}
	if q.state.Vote == 0 {
		return fmt.Sprintf("#%d: term %d", q.seq, q.state.Term)
	}
	return fmt.Sprintf("#%d: term %d, vote for %v", q.seq, q.state.Term, q.state.Vote)
}

// String tells a message and its way.
func (e envelope) String() string {
	return fmt.Sprintf("%v->%v %s %s", e.from.ID, e.to, typeName(e.message), messageText(e.message))
}

// MessageText tells a message's type and the fields that matter, as the traces of scenarios do.
func MessageText(m engine.Message) string { return typeName(m) + " " + messageText(m) }

// typeName is the name by which deliver, drop and duplicate choose messages.
func typeName(m engine.Message) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*engine.")
}

// messageText tells the fields of a message that matter.
func messageText(message engine.Message) string {
	switch m := message.(type) {
	case *engine.RequestPreVote:
		return fmt.Sprintf("term %d, log ends at %v, round %d", m.Term, m.Last, m.Round)
	case *engine.RequestPreVoteResponse:
		return fmt.Sprintf("term %d, round %d, %s", m.Term, m.Round, verdict(m.Granted))
	case *engine.RequestVote:
		return fmt.Sprintf("term %d, log ends at %v%s", m.Term, m.Last, transferText(m.Transfer))
	case *engine.RequestVoteResponse:
		return fmt.Sprintf("term %d, %s", m.Term, verdict(m.Granted))
	case *engine.AppendEntries:
		return appendText(m)
	case *engine.AppendEntriesResponse:
		return appendResponseText(m)
	case *engine.Heartbeat:
		return fmt.Sprintf("#%d term %d, commit %d", m.Number, m.Term, m.Commit)
	case *engine.HeartbeatResponse:
		return fmt.Sprintf("#%d term %d", m.Number, m.Term)
	case *engine.TimeoutNow:
		return fmt.Sprintf("#%d term %d", m.Number, m.Term)
	case *engine.Removed:
		return fmt.Sprintf("term %d, incarnation %x as of %v", m.Term, uint64(m.Incarnation), m.Commit)
	case *engine.SnapshotOffer:
		return fmt.Sprintf("#%d term %d, snapshot %v, %d bytes", m.Number, m.Term, m.Snapshot, m.Snapshot.Size)
	case *engine.SnapshotOfferResponse:
		return offerResponseText(m)
	}
	return fmt.Sprintf("%+v", message)
}

func verdict(granted bool) string {
	if granted {
		return "granted"
	}
	return "refused"
}

func transferText(transfer bool) string {
	if transfer {
		return ", transfer"
	}
	return ""
}

func appendText(m *engine.AppendEntries) string {
	entries := "nothing"
	if len(m.Entries) > 0 {
		entries = span(m.Entries).String()
	}
	return fmt.Sprintf("#%d term %d, after %v: %s, commit %d", m.Number, m.Term, m.Prev, entries, m.Commit)
}

func appendResponseText(m *engine.AppendEntriesResponse) string {
	if m.Accepted {
		return fmt.Sprintf("#%d term %d, match %d", m.Number, m.Term, m.Match)
	}
	if m.Conflict.Index == 0 {
		return fmt.Sprintf("#%d term %d, rejected", m.Number, m.Term)
	}
	if m.Conflict.Term == 0 {
		return fmt.Sprintf("#%d term %d, rejected: the log ends before %d", m.Number, m.Term, m.Conflict.Index)
	}
	return fmt.Sprintf("#%d term %d, rejected: term %d stands there from %v on", m.Number, m.Term, m.Conflict.Term, m.Conflict.Index)
}

func offerResponseText(m *engine.SnapshotOfferResponse) string {
	text := fmt.Sprintf("#%d term %d, %v", m.Number, m.Term, m.Verdict)
	switch m.Verdict {
	case engine.SnapshotAccepted:
		text += fmt.Sprintf(" from byte %d on", m.Offset)
	case engine.SnapshotHeld:
		text += fmt.Sprintf(", match %d", m.Match)
	case engine.SnapshotRefused:
	}
	return text
}

// reply is an answer to a proposal, a change or a transfer.
type reply struct{ engine.Action }

func (r reply) String() string {
	switch a := r.Action.(type) {
	case *engine.ProposalAccepted:
		first := engine.Position{Term: a.Term, Index: a.First}
		return "accepted as " + rangeText(first, a.First+engine.Index(a.Count)-1)
	case *engine.Redirect:
		if a.Leader == 0 {
			return "no leader known"
		}
		return fmt.Sprintf("go to %v at %s", a.Leader, a.Address)
	case *engine.ProposalRejected:
		return "refused, " + a.Reason.String()
	case *engine.ConfigChangeAccepted:
		return fmt.Sprintf("change accepted as %v", a.Position)
	case *engine.ConfigChangeRejected:
		return "change refused, " + a.Reason.String()
	case *engine.TransferDone:
		return fmt.Sprintf("transferred, %v leads term %d", a.Leader, a.Term)
	case *engine.TransferFailed:
		return "not transferred, " + a.Reason.String()
	default:
	}
	return fmt.Sprintf("%T", r.Action)
}

// entryText shows one entry in a picture of a log.
func entryText(e engine.Entry) string {
	switch e.Kind {
	case engine.EntryCommand:
		if len(e.Data) > 16 {
			return fmt.Sprintf("%v (%d bytes)", e.Position(), len(e.Data))
		}
		return fmt.Sprintf("%v %s", e.Position(), e.Data)
	case engine.EntryConfiguration:
		c, err := engine.DecodeConfiguration(e.Data)
		if err != nil {
			return fmt.Sprintf("%v (%v)", e.Position(), err)
		}
		return fmt.Sprintf("%v (%s)", e.Position(), configurationText(c))
	default:
		return fmt.Sprintf("%v (%v)", e.Position(), e.Kind)
	}
}

// configurationText names the change and its target; of bindings, who is bound to which life.
func configurationText(c engine.Configuration) string {
	if c.Target != 0 {
		return fmt.Sprintf("%v %v", c.Change, c.Target)
	}
	if c.Change != engine.ChangeBind {
		return c.Change.String()
	}
	text := []string{c.Change.String()}
	for _, member := range c.Membership.Members {
		if member.Incarnation != 0 {
			text = append(text, fmt.Sprintf("%v@%x", member.ID, uint64(member.Incarnation)))
		}
	}
	return strings.Join(text, " ")
}

// logText is a log in one line. Runs of commands of one term are shortened to their ends.
func logText(entries []engine.Entry) string {
	var parts []string
	for start := 0; start < len(entries); {
		end := start
		for end+1 < len(entries) && entries[start].Kind == engine.EntryCommand && entries[end+1].Kind == engine.EntryCommand &&
			entries[end+1].Term == entries[start].Term {
			end++
		}
		if end-start >= 4 {
			parts = append(parts, entryText(entries[start]), "…", entryText(entries[end]))
		} else {
			for _, entry := range entries[start : end+1] {
				parts = append(parts, entryText(entry))
			}
		}
		start = end + 1
	}
	return strings.Join(parts, " · ")
}

func statusText(s engine.Status) string {
	leader := "no leader known"
	if s.Leader != 0 {
		leader = "leader " + s.Leader.String()
	}
	text := fmt.Sprintf("%v %v term %d, %s, log ends at %v, durable %d, commit %d, applied %d",
		s.ID, s.Role, s.Term, leader, s.Last, s.Durable, s.Commit, s.Applied)
	if s.Removed {
		text += ", removed"
	}
	if s.Snapshot.Index != 0 {
		text += fmt.Sprintf(", snapshot at %v, log after %v", s.Snapshot, s.Base)
	}
	return text
}

func followerText(f engine.FollowerStatus) string {
	text := fmt.Sprintf("  %v match %d, next %d, %s", f.ID, f.Match, f.Next, f.State)
	switch {
	case f.IsLeaving:
		text += ", leaving"
	case f.IsLearner:
		text += ", learner"
	}
	return text
}
