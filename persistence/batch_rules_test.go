package persistence_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// A batch that contradicts what is stored is a bug of the engine or of its host. It is refused before a byte of it
// is written, and the storage ends: what was durable stays.
func TestContradictingBatches(t *testing.T) {
	cases := map[string]func(b *persistence.Batch){
		"no entry":                    func(b *persistence.Batch) { b.Append(0, nil) },
		"a gap before the entries":    func(b *persistence.Batch) { b.Append(0, commands(3, 5, 1, 1)) },
		"a gap between entries":       func(b *persistence.Batch) { b.Append(0, append(commands(3, 4, 1, 1), commands(3, 6, 1, 1)...)) },
		"an index twice":              func(b *persistence.Batch) { b.Append(0, append(commands(3, 4, 1, 1), commands(3, 4, 1, 1)...)) },
		"index zero":                  func(b *persistence.Batch) { b.Append(0, commands(3, 0, 1, 1)) },
		"a term that falls":           func(b *persistence.Batch) { b.Append(0, append(commands(3, 4, 1, 1), commands(2, 5, 1, 1)...)) },
		"a term below the last entry": func(b *persistence.Batch) { b.Append(0, commands(1, 4, 1, 1)) },
		"a suffix of a lower term":    func(b *persistence.Batch) { b.Append(0, commands(1, 3, 1, 1)) },
		"a second suffix of a lower term": func(b *persistence.Batch) {
			b.Append(0, commands(3, 3, 3, 1))
			b.Append(0, commands(2, 5, 1, 1))
		},
		"a term above the current one": func(b *persistence.Batch) { b.Append(0, commands(4, 4, 1, 1)) },
		"replacing what is committed":  func(b *persistence.Batch) { b.Append(0, commands(3, 1, 3, 1)) },
		"a commit beyond the log":      func(b *persistence.Batch) { b.SetCommit(0, 4) },
		"a commit in an empty group":   func(b *persistence.Batch) { b.SetCommit(9, 1) },
		"a current term that falls":    func(b *persistence.Batch) { b.SetHardState(0, at(2)) },
		"a second vote in a term": func(b *persistence.Batch) {
			b.SetHardState(0, engine.HardState{Term: 3, Vote: 2, VoteIncarnation: 8})
		},
		"a vote for another incarnation": func(b *persistence.Batch) {
			b.SetHardState(0, engine.HardState{Term: 3, Vote: 1, VoteIncarnation: 9})
		},
		"a vote taken back": func(b *persistence.Batch) { b.SetHardState(0, at(3)) },
		"an entry below the base": func(b *persistence.Batch) {
			b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(2, 3), Base: position(2, 3), Keep: true})
			b.Append(0, commands(3, 3, 1, 1))
		},
		"a lower term behind the base": func(b *persistence.Batch) {
			b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(3, 8), Base: position(3, 8)})
			b.Append(0, commands(2, 9, 1, 1))
		},
		"a snapshot below the commit index and entries behind it": func(b *persistence.Batch) {
			b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(2, 1), Base: position(2, 1)})
			b.Append(0, commands(3, 2, 3, 1))
		},
		"a kept log up to a snapshot beyond it, and entries behind it": func(b *persistence.Batch) {
			b.SetSnapshot(0, persistence.SnapshotSwitch{ID: 1, Position: position(2, 4), Base: position(2, 2), Keep: true})
			b.Append(0, commands(3, 4, 3, 1))
		},
		"the second record wrong": func(b *persistence.Batch) { b.SetCommit(0, 2); b.SetHardState(0, at(1)) },
	}
	places := map[string]func() persistence.Opener{
		"memory": func() persistence.Opener { return persistence.NewMemory() },
		"disk":   func() persistence.Opener { return persistence.NewDir(persistence.NewMemFS(), testPath, small()) },
	}
	for name, spoil := range cases {
		for kind, place := range places {
			t.Run(name+"/"+kind, func(t *testing.T) { requireContradiction(t, place(), spoil) })
		}
	}
}

var votedFor1 = engine.HardState{Term: 3, Vote: 1, VoteIncarnation: 8}

func requireContradiction(t *testing.T, place persistence.Opener, spoil func(*persistence.Batch)) {
	s, err := place.Create(testID, votedFor1, commands(2, 1, 3, 10))
	require.NoError(t, err)
	good := &persistence.Batch{}
	good.SetCommit(0, 2)
	require.NoError(t, s.Write(good))

	bad := &persistence.Batch{}
	spoil(bad)
	err = s.Write(bad)
	require.ErrorIs(t, err, persistence.ErrInvalidBatch)
	require.NotErrorIs(t, err, persistence.ErrPoisoned)
	require.ErrorIs(t, s.Write(good), persistence.ErrInvalidBatch, "the storage has ended")
	require.NoError(t, s.Close())

	s, err = place.Open(testID)
	require.NoError(t, err, "the place is not poisoned")
	requireState(t, persistence.Recovered{
		HardState: votedFor1, Entries: commands(2, 1, 3, 10), Commit: 2,
	}, s.Recovered(0))
	require.NoError(t, s.Close())
}

func TestCreateRefusesContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		state engine.HardState
		first []engine.Entry
	}{
		"entries beyond the term":    {at(1), commands(2, 1, 1, 1)},
		"entries that begin too far": {at(1), commands(1, 2, 1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, place := range []persistence.Opener{
				persistence.NewMemory(), persistence.NewDir(persistence.NewMemFS(), testPath, small()),
			} {
				_, err := place.Create(testID, c.state, c.first)
				require.ErrorIs(t, err, persistence.ErrInvalidBatch)
				exists, err := place.Exists()
				require.NoError(t, err)
				require.False(t, exists)
			}
		})
	}
}
