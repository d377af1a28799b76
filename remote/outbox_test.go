package remote

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yggr-go/yggr/engine"
)

func (o *outbox) give(message engine.Message) bool {
	queued, _ := o.push(message, frameHeaderSize+envelopeSize(message))
	return queued
}

func entriesOf(number engine.SendNumber, size int) *engine.AppendEntries {
	return &engine.AppendEntries{Term: 1, Number: number, Entries: []engine.Entry{
		{Term: 1, Index: 1, Kind: engine.EntryCommand, Data: make([]byte, size)},
	}}
}

func appendOf(entries, size int) *engine.AppendEntries {
	message := &engine.AppendEntries{Term: 1, Number: 1}
	for i := range entries {
		message.Entries = append(message.Entries, engine.Entry{
			Term: 1, Index: engine.Index(i + 1), Kind: engine.EntryCommand, Data: make([]byte, size),
		})
	}
	return message
}

func TestVotesAndHeartbeatsLeaveBeforeEntries(t *testing.T) {
	o := newOutbox(1 << 20)
	entries, vote, beat := entriesOf(1, 10), &engine.RequestVote{Term: 2}, &engine.Heartbeat{Term: 2}
	for _, m := range []engine.Message{entries, vote, beat} {
		require.True(t, o.give(m))
	}
	require.Equal(t, []engine.Message{vote, beat, entries}, o.take(nil, 1<<20))
}

func TestTheNewestHeartbeatTakesThePlaceOfTheWaitingOne(t *testing.T) {
	o := newOutbox(1 << 20)
	vote := &engine.RequestVoteResponse{Term: 2}
	o.give(&engine.Heartbeat{Term: 2, Number: 1})
	o.give(&engine.HeartbeatResponse{Term: 2, Number: 1})
	o.give(vote)
	o.give(&engine.Heartbeat{Term: 2, Number: 1 << 40})
	o.give(&engine.HeartbeatResponse{Term: 2, Number: 3})
	require.Equal(t, []engine.Message{
		&engine.Heartbeat{Term: 2, Number: 1 << 40}, &engine.HeartbeatResponse{Term: 2, Number: 3}, vote,
	}, o.take(nil, 1<<20))

	next := &engine.Heartbeat{Term: 2, Number: 1<<40 + 1}
	o.give(next)
	require.Equal(t, []engine.Message{next}, o.take(nil, 1<<20))
	require.Zero(t, o.control.bytes)
}

func TestEntriesAreBoundedInBytesAndNeverCrowdOutAVote(t *testing.T) {
	const limit = 10_000
	o := newOutbox(limit)
	accepted := 0
	for o.give(entriesOf(1, 1000)) {
		accepted++
	}
	require.Equal(t, limit/(1000+frameHeaderSize+envelopeSize(entriesOf(1, 1000))-1000), accepted)
	require.True(t, o.give(&engine.RequestVote{Term: 2}))
	require.True(t, o.give(&engine.Heartbeat{Term: 2}))
	require.Equal(t, accepted+2, o.clear())
	require.True(t, o.give(entriesOf(1, 1000)), "room again")
}

func TestTheControlLaneIsBoundedToo(t *testing.T) {
	o := newOutbox(1)
	given := 0
	for o.give(&engine.AppendEntriesResponse{Term: 1, Accepted: true, Match: 1}) {
		given++
	}
	require.Positive(t, given)
	require.LessOrEqual(t, o.control.bytes, maxControlBytes)
	require.Len(t, o.take(nil, 1), given)
}

func TestOneTakeLeavesEntriesForTheNext(t *testing.T) {
	o := newOutbox(1 << 20)
	for i := range 10 {
		o.give(entriesOf(engine.SendNumber(i), 1000))
	}
	require.Len(t, o.take(nil, 2500), 3)
	require.Len(t, o.take(nil, 1), 1, "at least one, however large")
	require.Len(t, o.take(nil, 1<<20), 6)
	require.Empty(t, o.take(nil, 1<<20))
	require.Zero(t, o.entries.bytes)
}

// Whatever is pushed and taken in whatever order: entries come out in order, none twice, none without having been
// accepted, and the bound holds.
func TestAnOutboxAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 3000
		o := newOutbox(limit)
		model := []engine.Message{}
		for i := range rapid.IntRange(1, 100).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				m := entriesOf(engine.SendNumber(i), rapid.IntRange(0, 1000).Draw(t, "size"))
				if o.give(m) {
					model = append(model, m)
				}
			} else {
				taken := o.take([]engine.Message{}, rapid.IntRange(1, limit).Draw(t, "budget"))
				require.Equal(t, model[:len(taken)], taken)
				model = model[len(taken):]
			}
			require.LessOrEqual(t, o.entries.bytes, limit)
			require.LessOrEqual(t, len(o.entries.items), 2*len(model)+1, "taken items are forgotten")
		}
		require.Equal(t, len(model), o.clear())
	})
}

// A connection that breaks in the middle of what was taken leaves the rest without a token.
func TestOutboxRemindsOfWhatWasLeft(t *testing.T) {
	o := newOutbox(1 << 20)
	o.remind()
	require.Empty(t, o.ready, "of nothing")
	o.push(&engine.AppendEntries{Term: 1}, 10)
	require.Empty(t, o.ready, "a push wakes nobody")
	o.remind()
	require.Len(t, o.ready, 1)
	require.Equal(t, 1, o.clear())
	require.Empty(t, o.ready, "a cleared outbox wakes nobody")
}
