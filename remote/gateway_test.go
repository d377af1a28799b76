package remote

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
)

func at(term engine.Term, index engine.Index) engine.Position {
	return engine.Position{Term: term, Index: index}
}

func command(term engine.Term, index engine.Index) engine.Entry {
	return engine.Entry{Term: term, Index: index, Kind: engine.EntryCommand, Data: []byte("x")}
}

func TestTheGatewayLetsValidMessagesThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { require.NoError(t, validate(drawMessage(t))) })
}

func TestTheGatewayRefusesWhatNoEngineSays(t *testing.T) {
	const beyond = maxPosition + 1
	appending := func(term engine.Term, prev engine.Position, entries ...engine.Entry) engine.Message {
		return &engine.AppendEntries{Term: term, Prev: prev, Entries: entries}
	}
	offering := func(transfer engine.TransferID, last engine.Position, configuration engine.Index) engine.Message {
		return &engine.SnapshotOffer{Term: 5, Transfer: transfer, Snapshot: engine.SnapshotMeta{
			ID: 1, Position: last, ConfigurationIndex: configuration, Membership: twoVoters,
		}}
	}
	for name, message := range map[string]engine.Message{
		"no term":                             &engine.Heartbeat{},
		"term overflows":                      &engine.TimeoutNow{Term: beyond},
		"heartbeat commit overflows":          &engine.Heartbeat{Term: 1, Commit: beyond},
		"candidate's log is of its own term":  &engine.RequestVote{Term: 5, Last: at(5, 9)},
		"candidate's last index without term": &engine.RequestVote{Term: 5, Last: at(0, 9)},
		"candidate's last term without index": &engine.RequestPreVote{Term: 5, Last: at(4, 0)},
		"candidate's last index overflows":    &engine.RequestPreVote{Term: 5, Last: at(4, beyond)},
		"previous term beyond the message's":  appending(5, at(6, 9)),
		"previous index without term":         appending(5, at(0, 9)),
		"commit overflows":                    &engine.AppendEntries{Term: 5, Commit: beyond},
		"gap after prev":                      appending(5, at(4, 9), command(5, 11)),
		"gap between entries":                 appending(5, at(4, 9), command(5, 10), command(5, 12)),
		"entry repeated":                      appending(5, at(4, 9), command(5, 10), command(5, 10)),
		"entry index overflows":               appending(5, at(4, maxPosition), command(5, beyond)),
		"entry without term":                  appending(5, at(0, 0), command(0, 1)),
		"entry older than prev":               appending(5, at(4, 9), command(3, 10)),
		"entry terms fall":                    appending(5, at(3, 9), command(5, 10), command(4, 11)),
		"entry newer than the message":        appending(5, at(4, 9), command(6, 10)),
		"entry of no kind":                    appending(5, at(4, 9), engine.Entry{Term: 5, Index: 10}),
		"entry of unknown kind":               appending(5, at(4, 9), engine.Entry{Term: 5, Index: 10, Kind: 4}),
		"no-op with data":                     appending(5, at(4, 9), engine.Entry{Term: 5, Index: 10, Kind: engine.EntryNoOp, Data: []byte("x")}),
		"configuration that does not decode":  appending(5, at(4, 9), engine.Entry{Term: 5, Index: 10, Kind: engine.EntryConfiguration, Data: []byte("x")}),
		"too many entries":                    &engine.AppendEntries{Term: 5, Entries: make([]engine.Entry, maxEntries+1)},
		"match overflows":                     &engine.AppendEntriesResponse{Term: 5, Accepted: true, Match: beyond},
		"accepted with a conflict":            &engine.AppendEntriesResponse{Term: 5, Accepted: true, Match: 9, Conflict: at(4, 9)},
		"rejected with a match":               &engine.AppendEntriesResponse{Term: 5, Match: 9},
		"conflict of a later term":            &engine.AppendEntriesResponse{Term: 5, Conflict: at(6, 9)},
		"conflict term without index":         &engine.AppendEntriesResponse{Term: 5, Conflict: at(4, 0)},
		"offer without a transfer":            offering(0, at(5, 9), 1),
		"offer of nothing":                    offering(1, at(0, 0), 1),
		"offer from beyond the term":          offering(1, at(6, 9), 1),
		"offer overflows":                     offering(1, at(5, beyond), 1),
		"offer with a membership to come":     offering(1, at(5, 9), 10),
		"offer without a membership":          &engine.SnapshotOffer{Term: 5, Transfer: 1, Snapshot: engine.SnapshotMeta{ID: 1, Position: at(5, 9), ConfigurationIndex: 1}},
		"answer without a transfer":           &engine.SnapshotOfferResponse{Term: 5, Verdict: engine.SnapshotRefused},
		"answer without a verdict":            &engine.SnapshotOfferResponse{Term: 5, Transfer: 1},
		"answer with an unknown verdict":      &engine.SnapshotOfferResponse{Term: 5, Transfer: 1, Verdict: 4},
		"refused with an offset":              &engine.SnapshotOfferResponse{Term: 5, Transfer: 1, Verdict: engine.SnapshotRefused, Offset: 1},
		"accepted with a match":               &engine.SnapshotOfferResponse{Term: 5, Transfer: 1, Verdict: engine.SnapshotAccepted, Match: 1},
		"held beyond all bounds":              &engine.SnapshotOfferResponse{Term: 5, Transfer: 1, Verdict: engine.SnapshotHeld, Match: beyond},
		"removal of no incarnation":           &engine.Removed{Term: 5, Commit: at(4, 9)},
		"removal as of nowhere":               &engine.Removed{Term: 5, Incarnation: 1},
		"removal as of a later term":          &engine.Removed{Term: 5, Incarnation: 1, Commit: at(6, 9)},
		"removal as of an index without term": &engine.Removed{Term: 5, Incarnation: 1, Commit: at(0, 9)},
		"removal's index overflows":           &engine.Removed{Term: 5, Incarnation: 1, Commit: at(4, beyond)},
		"forward without a command":           &engine.ProposalForward{Term: 5, Origin: 1, ID: 1},
		"forward of too many commands":        &engine.ProposalForward{Term: 5, Origin: 1, ID: 1, Commands: make([][]byte, maxEntries+1)},
		"forward without an origin":           &engine.ProposalForward{Term: 5, ID: 1, Commands: [][]byte{{1}}},
		"forward without an id":               &engine.ProposalForward{Term: 5, Origin: 1, Commands: [][]byte{{1}}},
		"forward of no term":                  &engine.ProposalForward{Origin: 1, ID: 1, Commands: [][]byte{{1}}},
		"result without an outcome":           &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1},
		"result of an unknown outcome":        &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardBadCommand + 1},
		"result without an origin":            &engine.ProposalForwardResult{Term: 5, ID: 1, Outcome: engine.ForwardBusy},
		"result without an id":                &engine.ProposalForwardResult{Term: 5, Origin: 1, Outcome: engine.ForwardBusy},
		"applied without a response":          &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardApplied},
		"refused with a response":             &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardBusy, Responses: [][]byte{{1}}},
		"busy with a leader":                  &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardBusy, Leader: 2},
		"refused at a position":               &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardBusy, Position: at(4, 9)},
		"unknown at half a position":          &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardUnknown, Position: at(4, 0)},
		"unknown beyond all positions":        &engine.ProposalForwardResult{Term: 5, Origin: 1, ID: 1, Outcome: engine.ForwardUnknown, Position: at(4, beyond)},
		"conflict index overflows":            &engine.AppendEntriesResponse{Term: 5, Conflict: at(0, beyond)},
	} {
		require.ErrorIs(t, validate(message), ErrMalformed, name)
	}
}

// The hint of a short log has a place and no term; an answer from a newer term may have neither.
func TestTheGatewayKnowsTheTwoRejectionsWithoutATerm(t *testing.T) {
	require.NoError(t, validate(&engine.AppendEntriesResponse{Term: 5, Conflict: at(0, 9)}))
	require.NoError(t, validate(&engine.AppendEntriesResponse{Term: 5}))
}
