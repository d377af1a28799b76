package persistence_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// again is a client's command that is proposed once more after each crash: the same content at the same place, in a
// higher term.
func again(term engine.Term, index engine.Index) engine.Entry {
	return engine.Entry{Term: term, Index: index, Kind: engine.EntryCommand, Data: bytes.Repeat([]byte("again"), 200)}
}

func repeated(state engine.HardState, index engine.Index) *persistence.Batch {
	b := &persistence.Batch{}
	b.SetHardState(0, state)
	b.Append(0, []engine.Entry{again(state.Term, index)})
	return b
}

// The same command is written again and again, and power is lost each time. What one opening did not show never
// appears at a later one, though each attempt leaves sectors that the next one would have written, too.
func TestCrashWhileABatchIsRepeated(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 5))
		disk := persistence.NewMemFS()
		var crashed *persistence.MemFS
		s := create(t, disk, middling())
		require.NoError(t, s.Write(appended(commands(1, 1, 1, 10)...)))
		require.NoError(t, s.Close())
		answered := requireOpens(t, disk)
		for term := engine.Term(2); term < 10; term++ {
			watched := persistence.NewFaultFS(disk, func(op persistence.Op, path string) {
				if op == persistence.OpSync && filepath.Ext(path) == ".log" {
					crashed = disk.Crash(random)
				}
			})
			s, err := persistence.NewDir(watched, testPath, middling()).Open(testID)
			require.NoError(t, err)
			require.NoError(t, s.Write(repeated(at(term), 2)))
			written := persistence.Recovered{HardState: at(term), Entries: append(commands(1, 1, 1, 10), again(term, 2))}
			disk = crashed
			got := requireOpens(t, disk)
			if !sameState(answered, got) {
				requireState(t, written, got)
			}
			answered = got
		}
	}
}

// A failed sync may leave pages that look clean and are not on the disk. The process that saw it fail stops; the
// next one reads those pages, believes them, and must not be made a liar by a power loss.
func TestFailedWritebackThenReopenThenPowerLoss(t *testing.T) {
	disk := persistence.NewMemFS()
	fsys := persistence.NewFaultFS(disk, nil)
	s := create(t, fsys, middling())
	require.NoError(t, s.Write(appended(commands(1, 1, 3, 50)...)))
	fsys.Fail(persistence.Fault{Op: persistence.OpSync, Err: errDisk})
	require.ErrorIs(t, s.Write(appended(commands(1, 4, 1, 5000)...)), persistence.ErrPoisoned)
	disk.FailWriteback()

	next := disk.Kill()
	s = open(t, next)
	answered := s.Recovered(0)
	require.Len(t, answered.Entries, 4)
	for seed := range uint64(20) {
		requireState(t, answered, requireOpens(t, next.Crash(rand.New(rand.NewPCG(seed, 0)))))
	}
}

// Pinning the cluster id happens whole or not at all.
func TestCrashWhilePinning(t *testing.T) {
	unpinned := testID
	unpinned.Cluster.Founders = [16]byte{}
	disk := persistence.NewMemFS()
	var moments []*persistence.MemFS
	random := rand.New(rand.NewPCG(1, 1))
	fsys := persistence.NewFaultFS(disk, func(persistence.Op, string) {
		for range 8 {
			moments = append(moments, disk.Crash(random))
		}
	})
	s, err := persistence.NewDir(fsys, testPath, small()).Create(unpinned, at(1), nil)
	require.NoError(t, err)
	moments = nil
	require.NoError(t, s.PinCluster(testID.Cluster))
	seen := map[engine.ClusterID]int{}
	for _, moment := range moments {
		s, err := persistence.NewDir(moment, testPath, small()).Open(unpinned)
		require.NoError(t, err)
		seen[s.Identity().Cluster]++
		require.NoError(t, s.Close())
	}
	require.Len(t, seen, 2)
	require.Positive(t, seen[testID.Cluster])
	require.Positive(t, seen[unpinned.Cluster])

	s, err = persistence.NewDir(disk.Crash(random), testPath, small()).Open(unpinned)
	require.NoError(t, err)
	require.Equal(t, testID, s.Identity(), "durable when PinCluster returned")
	require.NoError(t, s.Close())
}

// Create gives two names: to the identity, with which the state exists, then to the first segment. A process that is killed
// between the two leaves the first name in memory only. The next one gives the second, and a power loss may keep that and
// lose the first: so the first has to be durable before.
func TestCrashWhileAKilledCreateIsFinished(t *testing.T) {
	disk := persistence.NewMemFS()
	var killed *persistence.MemFS
	watched := persistence.NewFaultFS(disk, func(op persistence.Op, _ string) {
		if exists, err := persistence.NewDir(disk, testPath, small()).Exists(); op == persistence.OpSyncDir && killed == nil && exists {
			require.NoError(t, err)
			killed = disk.Kill()
		}
	})
	create(t, watched, small())
	require.NotContains(t, contents(t, killed), "segment-0000000000000001.log")

	seen := map[bool]int{}
	watched = persistence.NewFaultFS(killed, func(op persistence.Op, _ string) {
		for seed := range uint64(64) {
			place := persistence.NewDir(killed.Crash(fixedRandom(seed)), testPath, small())
			exists, err := place.Exists()
			require.NoError(t, err)
			if exists {
				_, err = place.Open(testID)
			} else {
				_, err = place.Create(testID, at(1), nil)
			}
			require.NoError(t, err, op)
			seen[exists]++
		}
	})
	_, err := persistence.NewDir(watched, testPath, small()).Open(testID)
	require.NoError(t, err)
	require.Positive(t, seen[true])
	require.Positive(t, seen[false])
}
