package persistence

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

func TestRecordBytes(t *testing.T) {
	var b Batch
	b.Append(2, []engine.Entry{
		{Term: 5, Index: 9, Kind: engine.EntryNoOp},
		{Term: 6, Index: 10, Kind: engine.EntryCommand, Data: []byte{0xab, 0xcd}},
	})
	b.SetHardState(0, engine.HardState{Term: 7, Vote: 3, VoteIncarnation: 0xa1a2a3a4a5a6a7a8})
	b.SetCommit(1, 8)
	b.SetSnapshot(3, SnapshotSwitch{
		ID: 0xb1, Position: engine.Position{Term: 4, Index: 6}, Base: engine.Position{Term: 2, Index: 5}, Keep: true,
	})
	encoded := b.appendRecords(nil)
	require.Equal(t, ""+
		"01010000"+"32000000"+"0200000000000000"+ // entries, version 1, 50 bytes, group 2
		"0900000000000000"+"02000000"+"00000000"+ // from index 9, two of them
		"0500000000000000"+"00000000"+"01000000"+
		"0600000000000000"+"02000000"+"02000000"+"abcd"+
		"02010000"+"18000000"+"0000000000000000"+"0700000000000000"+"0300000000000000"+"a8a7a6a5a4a3a2a1"+
		"03010000"+"08000000"+"0100000000000000"+"0800000000000000"+
		"05010000"+"30000000"+"0300000000000000"+"b100000000000000"+"0400000000000000"+"0600000000000000"+
		"0200000000000000"+"0500000000000000"+"01"+"00000000000000",
		hex.EncodeToString(encoded))
	require.EqualValues(t, len(encoded), b.payloadSize())
}

func TestCheckpointAndSealComeBack(t *testing.T) {
	state := groupState{
		hard: engine.HardState{Term: 1, Vote: 2, VoteIncarnation: 3}, base: engine.Position{Term: 4, Index: 5},
		last: engine.Position{Term: 6, Index: 7}, commit: 8,
		snapshot: SnapshotName{ID: 9, Position: engine.Position{Term: 10, Index: 11}},
	}
	payload := appendSeal(appendCheckpoint(nil, 12, &state), seal{number: 13, useID: 14})
	r, rest, err := nextRecord(payload)
	require.NoError(t, err)
	require.Equal(t, Group(12), r.group)
	require.Equal(t, state, r.checkpoint())
	for i := range checkpointSize / 8 {
		require.EqualValues(t, i+1, r.u64(i), "fields stand in the documented order")
	}
	r, rest, err = nextRecord(rest)
	require.NoError(t, err)
	require.Equal(t, seal{number: 13, useID: 14}, r.seal())
	require.Empty(t, rest)
}

func TestSwitchComesBack(t *testing.T) {
	for _, keep := range []bool{true, false} {
		want := SnapshotSwitch{
			ID: 1 << 60, Position: engine.Position{Term: 4, Index: 6}, Base: engine.Position{Term: 2, Index: 5}, Keep: keep,
		}
		var b Batch
		b.SetSnapshot(3, want)
		r, rest, err := nextRecord(b.appendRecords(nil))
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, want, r.snapshotSwitch())
	}
}

func TestMalformedRecords(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		want    error
	}{
		"shorter than a header": {"010100000000", ErrCorrupt},
		"longer than the batch": {"03010000090000000000000000000000" + "0800000000000000", ErrCorrupt},
		"commit of seven bytes": {"03010000070000000000000000000000" + "08000000000000", ErrCorrupt},
		"unknown kind":          {"07010000000000000000000000000000", ErrNewerFormat},
		"switch of no bytes":    {"05010000000000000000000000000000", ErrCorrupt},
		"kind zero":             {"00010000000000000000000000000000", ErrNewerFormat},
		"newer version":         {"03020000080000000000000000000000" + "0800000000000000", ErrNewerFormat},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := hex.DecodeString(c.payload)
			require.NoError(t, err)
			_, _, err = nextRecord(payload)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestMalformedEntries(t *testing.T) {
	const one = "0100000000000000" // term or index 1
	for name, body := range map[string]string{
		"shorter than its header": "01000000",
		"no entry":                one + "00000000" + "00000000",
		"more than fit":           one + "02000000" + "00000000" + one + "00000000" + "02000000",
		"count of four billion":   one + "ffffffff" + "00000000",
		"second cut short":        one + "02000000" + "00000000" + one + "04000000" + "02000000" + "aabbccdd" + one + "00000000" + "0200",
		"data cut short":          one + "01000000" + "00000000" + one + "03000000" + "02000000" + "aabb",
		"data of four billion":    one + "01000000" + "00000000" + one + "ffffffff" + "02000000" + "aabb",
		"bytes left over":         one + "01000000" + "00000000" + one + "01000000" + "02000000" + "aabb",
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := hex.DecodeString(body)
			require.NoError(t, err)
			_, err = rawRecord{kind: recordEntries, body: raw}.appendEntriesTo(nil)
			require.ErrorIs(t, err, ErrCorrupt)
		})
	}
}

// One who does not know a hint passes over it, so later versions may add some without shutting older ones out.
func TestHintsArePassedOver(t *testing.T) {
	payload := appendRecordHeader(nil, recordHint+3, 0, 5)
	payload = append(payload, "hello"...)
	payload = appendRecord(payload, &record{kind: recordCommit, commit: 0})
	r := newRecovery(directory{})
	sealed, err := r.applyBatch(batchHeader{records: 2}, payload, batchPlace{})
	require.NoError(t, err)
	require.Nil(t, sealed)
	require.Len(t, r.groups, 1)
}
