package persistence

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// FuzzRecords decodes a payload that is anything at all. Nothing of it panics or allocates beyond what it holds, the
// answer is one of two verdicts, and what a caller could have written comes out of the encoder as it went in.
func FuzzRecords(f *testing.F) {
	whole := &Batch{}
	whole.SetHardState(0, engine.HardState{Term: 3, Vote: 7, VoteIncarnation: 9})
	whole.Append(1<<40, []engine.Entry{{Term: 2, Index: 5, Kind: engine.EntryCommand, Data: []byte("data")}, {Term: 3, Index: 6}})
	whole.SetCommit(0, 4)
	whole.SetSnapshot(2, SnapshotSwitch{ID: 1, Position: engine.Position{Term: 2, Index: 9}, Base: engine.Position{Term: 1, Index: 3}, Keep: true})
	f.Add(whole.appendRecords(nil))
	f.Add(appendCheckpoint(nil, 3, &groupState{commit: 4}))
	f.Add(appendSeal(nil, seal{number: 2, useID: 8}))
	f.Add(append(appendRecordHeader(nil, recordHint, 0, 3), 1, 2, 3))
	f.Add(appendRecordHeader(nil, recordEntries, 0, 1<<32-1))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for len(payload) > 0 {
			r, rest, err := nextRecord(payload)
			if err != nil {
				require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewerFormat), err)
				return
			}
			require.Len(t, payload, recordHeaderSize+len(r.body)+len(rest), "nothing is left out")
			again, err := encodedAgain(r)
			if err != nil {
				require.ErrorIs(t, err, ErrCorrupt)
			} else if again != nil {
				decoded, left, err := nextRecord(again)
				require.NoError(t, err)
				require.Empty(t, left)
				require.Equal(t, meaning(t, r), meaning(t, decoded))
			}
			payload = rest
		}
	})
}

// encodedAgain encodes what a record says; nil for a hint.
func encodedAgain(r rawRecord) ([]byte, error) {
	batch := &Batch{}
	switch r.kind {
	case recordEntries:
		entries, err := r.appendEntriesTo(nil)
		if err != nil {
			return nil, err
		}
		batch.Append(r.group, entries)
	case recordHardState:
		batch.SetHardState(r.group, r.hardState())
	case recordCommit:
		batch.SetCommit(r.group, r.commit())
	case recordSnapshot:
		batch.SetSnapshot(r.group, r.snapshotSwitch())
	case recordCheckpoint:
		state := r.checkpoint()
		return appendCheckpoint(nil, r.group, &state), nil
	case recordSeal:
		return appendSeal(nil, r.seal()), nil
	default:
		return nil, nil
	}
	return batch.appendRecords(nil), nil
}

// meaning returns what a record says, without the bytes that are to be zero and that no one reads.
func meaning(t *testing.T, r rawRecord) any {
	switch r.kind {
	case recordEntries:
		entries, err := r.appendEntriesTo(nil)
		require.NoError(t, err)
		return entries
	case recordSnapshot:
		return r.snapshotSwitch()
	default:
		return r.body
	}
}
