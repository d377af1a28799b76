package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

func TestJudgeOfRoom(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	n.files.SetCapacity(1)
	w.judgeRoom(n, inventory{})
	require.ErrorContains(t, w.err, "does not say that it is nearly full")

	w = quiet(t, 3)
	n = w.leader()
	n.files.SetCapacity(1)
	require.NoError(t, n.storage.Write(&persistence.Batch{}))
	w.judgeRoom(n, inventory{})
	require.NoError(t, w.err)
	require.True(t, w.refusesWrites(n))
	n.files.SetCapacity(0)
	w.judgeRoom(n, inventory{})
	require.ErrorContains(t, w.err, "still says that it is nearly full")
}

// TestAFullDiskEndsTheProcess, and the next one finds everything and goes on when there is room.
func TestAFullDiskEndsTheProcess(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	n.files.SetCapacity(1)
	n.full = true
	b := &persistence.Batch{}
	b.Append(0, []engine.Entry{{Term: n.status.Term, Index: n.status.Last.Index + 1, Kind: engine.EntryCommand, Data: make([]byte, 1<<20)}})
	err := n.storage.Write(b)
	require.True(t, n.noRoom(err), err)
	w.diskFailed(n, err)
	require.NoError(t, w.err)
	require.Equal(t, 1, w.counters.Faults[DiskRanOut])
	require.True(t, w.until(leaderBudget, "it runs again", n.running))
	w.makeRoom(n)
	require.True(t, w.until(leaderBudget, "goes on", w.probe()))
}

func TestJudgeOfWhatIsKept(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	file, err := n.files.Create("log/spare-00000000000000ff.tmp")
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("of another size"), 0)
	require.NoError(t, err)
	n.kept.found, n.kept.late, n.kept.untidy = inventory{}, 0, 0
	for range maxLate + 1 {
		require.NoError(t, w.tidy(n))
		require.NoError(t, w.err)
	}
	require.NoError(t, w.tidy(n))
	require.ErrorContains(t, w.err, "kept: ")
}

func TestJudgeOfWhatElseIsInALog(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	w.lookAfter(n)
	require.NoError(t, w.err)
	n.neighbour.has.Commit++
	w.lookAfter(n)
	require.ErrorContains(t, w.err, "what another group had")

	w = quiet(t, 3)
	n = w.leader()
	n.recorded, n.pinned = true, false
	w.lookAfter(n)
	require.ErrorContains(t, w.err, "had recorded the id of its cluster")
}

// TestNeighbours: whatever a neighbour writes is legal, and comes back.
func TestNeighbours(t *testing.T) {
	var b neighbour
	files := persistence.NewMemFS()
	dir := persistence.NewDir(files, logPath, persistence.Options{SegmentSize: 16 << 10})
	id := persistence.Identity{Cluster: engine.ClusterID{Name: clusterName}, Node: 1, Incarnation: 1}
	storage, err := dir.Create(id, engine.HardState{}, nil)
	require.NoError(t, err)
	c := stream(1, ofDisk)
	for range 500 {
		batch := &persistence.Batch{}
		b.writeAlong(batch, &c)
		require.NoError(t, storage.Write(batch))
		b.written()
	}
	require.Positive(t, b.has.Base.Index)
	require.NoError(t, storage.Close())
	storage, err = dir.Open(id)
	require.NoError(t, err)
	require.True(t, b.returns(storage.Recovered(neighbours)))
	require.NoError(t, storage.Close())
}
