package sim

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// Each check of this package has to be able to fail: these tests show it what is wrong.

// quiet is a cluster that ran for a while without a fault.
func quiet(t *testing.T, nodes int) *world {
	t.Helper()
	w := newWorld(Options{Seed: 1, Nodes: nodes, Calm: true})
	w.over = true
	w.found()
	probe := w.probe()
	require.True(t, w.until(leaderBudget, "start", probe), w.err)
	return w
}

func TestJudgeOfOrder(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	entry := engine.Entry{Term: 9, Index: n.machine.state.position.Index + 1, Kind: engine.EntryNoOp}
	w.applyEntry(n, entry)
	require.NoError(t, w.err)
	other := entry
	other.Term = 8
	w.applyEntry(w.nodes[n.id%3], other)
	require.ErrorContains(t, w.err, "same order")

	w = quiet(t, 3)
	entry.Index++
	w.applyEntry(w.leader(), entry)
	require.ErrorContains(t, w.err, "order: ")
}

func TestJudgeOfReads(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	n.reads[7] = n.machine.state.position.Index
	w.serveRead(n, task{read: 7})
	require.NoError(t, w.err)
	w.serveRead(n, task{read: 7})
	require.ErrorContains(t, w.err, "twice")

	w = quiet(t, 3)
	n = w.leader()
	n.reads[7] = n.machine.state.position.Index + 1
	w.serveRead(n, task{read: 7})
	require.ErrorContains(t, w.err, "clients had seen")
}

func TestJudgeOfAcknowledgements(t *testing.T) {
	command := func(w *world, number byte) engine.Entry {
		return engine.Entry{
			Term: 9, Index: w.leader().machine.state.position.Index + 1, Kind: engine.EntryCommand, Data: []byte{0, 0, 0, 0, 0, 0, 0, number},
		}
	}
	for _, c := range []struct {
		name   string
		waiter waiter
		want   string
	}{
		{"another command", waiter{term: 9, command: 8}, "acknowledges command 8"},
		{"older than what was seen", waiter{term: 9, command: 7, floor: 1000}, "clients had seen 1000"},
		{"no change", waiter{term: 9, change: &engine.ConfigChange{Kind: engine.ChangeRemove, Target: 1}}, "acknowledges to remove n1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := quiet(t, 3)
			e := command(w, 7)
			w.leader().waiters[e.Index] = c.waiter
			w.applyEntry(w.leader(), e)
			require.ErrorContains(t, w.err, c.want)
		})
	}
	w := quiet(t, 3)
	e := command(w, 7)
	w.leader().waiters[e.Index] = waiter{term: 8, command: 5}
	w.applyEntry(w.leader(), e)
	require.NoError(t, w.err, "another command took its place")
	w.applyEntry(w.leader(), command(w, 5))
	require.ErrorContains(t, w.err, "certainly not applied")

	w = quiet(t, 3)
	w.answered(1000)
	require.ErrorContains(t, w.err, "was not asked")
}

func TestJudgeOfSnapshots(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	w.restore(n, engine.SnapshotMeta{ID: 1})
	require.ErrorContains(t, w.err, "no such snapshot")

	w = quiet(t, 3)
	n = w.leader()
	s := n.machine.state
	s.position.Index++
	bytes := s.encode(100)
	label := engine.SnapshotMeta{ID: 1, Position: s.position, Membership: s.membership, ConfigurationIndex: s.configuration}
	taken, err := writeSnapshot(n.snapshots.store, label, bytes)
	require.NoError(t, err)
	label.Checksum = taken.Checksum
	w.restore(n, label)
	require.NoError(t, w.err)
	w.restore(n, label)
	require.ErrorContains(t, w.err, "has applied up to")

	w = quiet(t, 3)
	n = w.leader()
	_, err = writeSnapshot(n.snapshots.store, label, bytes)
	require.NoError(t, err)
	label.Position.Index++
	w.restore(n, label)
	require.ErrorContains(t, w.err, "finds the state at")
	for length := range bytes[:100] {
		_, err := decodeState(bytes[:length])
		if length < 36 {
			require.Error(t, err)
		}
	}
}

func TestJudgeOfLiveness(t *testing.T) {
	w := quiet(t, 3)
	for _, n := range w.nodes[:2] {
		w.endLife(n)
		n.retired = true
	}
	w.client.probe, w.client.probed = 0, 0
	require.False(t, w.until(leaderBudget, "a new command is applied everywhere", w.probe()))
	require.ErrorContains(t, w.err, "liveness")
}

func TestJudgeOfStability(t *testing.T) {
	w := quiet(t, 3)
	require.True(t, w.exercise(), w.err)
	w.calm = w.leader()
	w.calmTerm = w.calm.status.Term
	other := w.nodes[w.calm.id%3]
	w.judgeCalm(other)
	require.NoError(t, w.err)
	other.status.Role = engine.PreCandidate
	w.judgeCalm(other)
	require.ErrorContains(t, w.err, "stability: ")

	w = quiet(t, 3)
	require.False(t, w.repeated("the impossible", &w.counters.Calls[Replaced], w.read))
	require.ErrorContains(t, w.err, "the impossible")
}

func TestJudgeOfHandovers(t *testing.T) {
	w := quiet(t, 3)
	leader := w.leader()
	for _, n := range w.nodes {
		if n != leader {
			w.network.link(leader.id, n.id).cuts++
		}
	}
	require.False(t, w.handOver())
	require.ErrorContains(t, w.err, "leadership is not handed over")
}

func TestJudgeOfDisks(t *testing.T) {
	w := quiet(t, 3)
	w.diskFailed(w.leader(), errSync)
	require.ErrorContains(t, w.err, "cannot write")
}

func TestJudgeOfDeadLogs(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	w.judgeDead(n, n.storage, n.faulty)
	require.ErrorContains(t, w.err, "writes to its log after")

	w = quiet(t, 3)
	n = w.leader()
	dead := deadStorage{n.storage}
	w.judgeDead(n, dead, n.faulty)
	require.ErrorContains(t, w.err, "opens its log once more")
}

// deadStorage takes nothing.
type deadStorage struct{ persistence.Storage }

func (deadStorage) Write(*persistence.Batch) error { return persistence.ErrPoisoned }

func TestJudgeOfFailedStarts(t *testing.T) {
	for _, c := range []struct {
		name  string
		op    persistence.Op
		cause error
		want  string
	}{
		{"called damage", persistence.OpRead, errors.Join(errDevice, persistence.ErrCorrupt), "for damage"},
		{"called missing", persistence.OpList, errors.Join(errDevice, persistence.ErrNoState), "for damage"},
		{"poisoned by reading", persistence.OpRead, errors.Join(errDevice, persistence.ErrPoisoned), "never opens its log again"},
		{"opened again", persistence.OpSync, errors.Join(errDevice, persistence.ErrPoisoned), "opens its log once more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := quiet(t, 3)
			n := w.leader()
			n.files = n.files.Kill()
			w.endLife(n)
			n.failing = failing{known: true, fault: persistence.Fault{Op: c.op}}
			_, err := w.openAgain(n, w.place(n), c.cause)
			require.NoError(t, err)
			require.ErrorContains(t, w.err, c.want)
		})
	}
	w := quiet(t, 3)
	_, err := w.openAgain(w.leader(), nil, persistence.ErrCorrupt)
	require.ErrorIs(t, err, persistence.ErrCorrupt, "nothing failed")
}

func TestJudgeOfRottenDisks(t *testing.T) {
	w := quiet(t, 3)
	n := w.leader()
	s, err := w.specimen(n, false)
	require.NoError(t, err)
	found, err := w.readBack(n, n.files)
	require.NoError(t, err)
	require.True(t, w.judgeRotten(s, &damage{}, found, nil))
	require.False(t, w.judgeRotten(s, &damage{}, found, persistence.ErrCorrupt))
	require.NoError(t, w.err)

	s.shorter = &persistence.Recovered{Commit: 7}
	s.last = specimenBatch{0, s.segments[0].batches[1]} // any that does not open its segment
	require.False(t, w.judgeRotten(s, &damage{onlyLast: true}, *s.shorter, nil))
	require.NoError(t, w.err, "that was the last batch of a crashed node")
	for _, c := range []struct {
		damage damage
		err    error
		want   string
	}{
		{damage{}, nil, "opens a damaged log"},
		{damage{}, persistence.ErrNoState, "does not take damage for damage"},
		{damage{onlyLast: true}, persistence.ErrCorrupt, "only the last batch is damaged"},
	} {
		w.err = nil
		require.False(t, w.judgeRotten(s, &c.damage, *s.shorter, c.err))
		require.ErrorContains(t, w.err, c.want)
	}
	w.err, s.witness = nil, true
	require.False(t, w.judgeRotten(s, &damage{onlyLast: true}, *s.shorter, persistence.ErrCorrupt))
	require.NoError(t, w.err, "a copy of it further behind tells that it was durable")
}

// TestTheOperatorKeepsMajorities: what it must not do it does not do.
func TestTheOperatorKeepsMajorities(t *testing.T) {
	w := quiet(t, 3)
	require.True(t, w.settled())
	members := w.leader().status.Membership
	require.True(t, w.viable(engine.Membership{}, w.nodes[0]))
	require.False(t, w.viable(engine.Membership{}, w.nodes[0], w.nodes[1]))
	w.nodes[0].retired = true
	require.False(t, w.viable(engine.Membership{}, w.nodes[1]))
	require.False(t, w.viable(resulting(members, engine.ConfigChange{Kind: engine.ChangeRemove, Target: 2})), "n1 is gone, and of n1 and n3 both are needed")
	require.True(t, w.viable(resulting(members, engine.ConfigChange{Kind: engine.ChangeRemove, Target: 1})))
	require.False(t, w.viable(resulting(members, engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: 4, Incarnation: 5})), "nobody runs as n4")
	require.False(t, w.mayBeMember(w.add(false)))
	require.True(t, w.mayBeMember(w.nodes[0]))
}
