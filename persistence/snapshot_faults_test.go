package persistence_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/persistence"
)

// A power loss at any operation of writing a snapshot leaves it whole under its name or not there at all, and what is
// left over is swept and in nobody's way.
func TestCrashAtEveryOperationOfASnapshot(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7))
	body := bodyOf(7, 5000)
	earlier := bodyOf(6, 100)
	whole := 0
	for nth := 1; ; nth++ {
		for range 20 {
			disk := persistence.NewMemFS()
			kept := takeSnapshot(t, openSnapshots(t, disk), label(6, 40), earlier)
			crashed, err := crashedAt(disk, random, nth, func(fsys persistence.FS) error {
				store, err := persistence.OpenSnapshots(fsys, snapshotsPath, 0)
				if err != nil {
					return err
				}
				_, err = writeSnapshot(store, label(7, 50), body)
				return err
			})
			if crashed == nil {
				require.NoError(t, err)
				require.Greater(t, nth, 8)
				require.Positive(t, whole, "of those that were not acknowledged")
				return
			}
			require.Error(t, err, "what was cut short is not called done")
			s := openSnapshots(t, crashed)
			requireSnapshot(t, s, kept, earlier)
			meta, got, err := readSnapshot(s, 7)
			if err == nil {
				whole++
				require.Equal(t, body, got)
				require.Equal(t, uint64(7), meta.ID)
			} else {
				require.ErrorIs(t, err, persistence.ErrNoSnapshot, "operation %d", nth)
			}
			_, err = s.Sweep(6)
			require.NoError(t, err)
			require.Equal(t, []string{"snapshot-0000000000000006.snap"}, snapshotFiles(t, crashed))
			again := takeSnapshot(t, s, label(7, 50), body)
			requireSnapshot(t, openSnapshots(t, crashed.Crash(random)), again, body)
		}
	}
}

// Any operation may fail. Then there is an error and no snapshot that counts, another attempt succeeds, and sweeping
// leaves nothing of the failed one.
func TestEveryOperationOfASnapshotMayFail(t *testing.T) {
	t.Parallel()
	body := bodyOf(7, 10_000)
	s := sentOf(t, 7, 10_000)
	for name, work := range map[string]func(store *persistence.Snapshots) error{
		"write": func(store *persistence.Snapshots) error {
			_, err := writeSnapshot(store, label(7, 50), body)
			return err
		},
		"receive": func(store *persistence.Snapshots) error { return s.receive(store, 1000) },
	} {
		operations := 0
		require.NoError(t, work(openSnapshots(t, persistence.NewFaultFS(persistence.NewMemFS(), func(persistence.Op, string) { operations++ }))))
		require.Greater(t, operations, 8)
		for nth := range operations - 1 { // the first one is over when the store is open
			disk := persistence.NewMemFS()
			fsys := persistence.NewFaultFS(disk, nil)
			store := openSnapshots(t, fsys)
			fsys.Fail(persistence.Fault{After: nth, Short: 100, Err: errDisk})
			if err := work(store); err != nil { // not knowing how much room there is fails nothing
				require.ErrorIs(t, err, errDisk, "%s, operation %d", name, nth)
				require.NoError(t, work(openSnapshots(t, disk)), "%s again after operation %d", name, nth)
			}
			requireSnapshot(t, openSnapshots(t, disk), s.meta, body, "%s, operation %d", name, nth)
			_, err := openSnapshots(t, disk).Sweep()
			require.NoError(t, err)
			require.Empty(t, snapshotFiles(t, disk))
		}
	}
}

// Reading may fail at any operation, too; that is no damage.
func TestEveryOperationOfReadingMayFail(t *testing.T) {
	t.Parallel()
	disk := persistence.NewMemFS()
	body := bodyOf(7, 600<<10)
	meta := takeSnapshot(t, openSnapshots(t, disk), label(7, 50), body)
	fsys := persistence.NewFaultFS(disk, nil)
	s := openSnapshots(t, fsys)
	for nth := 0; ; nth++ {
		fsys.Fail(persistence.Fault{After: nth, Err: errDisk})
		_, _, err := readSnapshot(s, 7)
		if err == nil {
			require.Greater(t, nth, 6)
			break
		}
		require.ErrorIs(t, err, errDisk)
		require.NotErrorIs(t, err, persistence.ErrCorrupt)
		require.NotErrorIs(t, err, persistence.ErrNoSnapshot)
	}
	requireSnapshot(t, openSnapshots(t, disk), meta, body)
	_, err := openSnapshots(t, disk).Sweep()
	require.NoError(t, err)
}
