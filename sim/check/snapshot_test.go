package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

// compacted is a story whose nodes hold 1/1 "a" and 2/2 "b"; n1 leads term 2 and has committed and applied both.
func compacted(t *testing.T) *story {
	s := replicated(t)
	require.NoError(t, s.commits(1, 2, &engine.Apply{Entries: []engine.Entry{command(1, 1, "a"), command(2, 2, "b")}}))
	return s
}

func labelled(id uint64, term engine.Term, index engine.Index) engine.SnapshotMeta {
	return engine.SnapshotMeta{ID: id, Position: engine.Position{Term: term, Index: index}, Membership: voters(1, 2, 3)}
}

// keeps reports the Step in which a node asks for a switch.
func (s *story) keeps(id engine.NodeID, label engine.SnapshotMeta, base engine.Position, keep bool, change func(*engine.Status)) error {
	s.seq[id]++
	return s.step(id, func(st *engine.Status) {
		st.Applied = st.Commit
		if !keep {
			st.Last, st.Commit, st.Durable = base, base.Index, min(st.Durable, st.Commit)
			st.Membership = label.Membership
		}
		if change != nil {
			change(st)
		}
	}, &engine.PersistSnapshot{Seq: s.seq[id], Snapshot: label, Base: base, Keep: keep})
}

func TestSnapshotRuleOfOwnSnapshots(t *testing.T) {
	at := func(term engine.Term, index engine.Index) engine.Position {
		return engine.Position{Term: term, Index: index}
	}
	require.NoError(t, compacted(t).keeps(1, labelled(7, 2, 2), at(1, 1), true, nil))

	s := compacted(t)
	s.broken(s.keeps(1, labelled(7, 2, 2), at(1, 1), true, func(st *engine.Status) { st.Applied = 1 }),
		"snapshot rule", "n1 takes snapshot 7 at 2/2 and has applied 1")
	s = compacted(t)
	s.broken(s.keeps(1, labelled(7, 1, 2), at(1, 1), true, nil), "snapshot rule", "that does not hold it")
	s = compacted(t)
	s.broken(s.keeps(1, labelled(7, 1, 1), at(2, 2), true, nil), "snapshot rule", "moves the end of its log from 0/0 to 2/2")
	s = compacted(t)
	s.broken(s.keeps(1, labelled(7, 2, 2), at(3, 2), true, nil), "order contract", "log after 3/2")
	s = compacted(t)
	label := labelled(7, 2, 2)
	label.ConfigurationIndex = 1
	s.broken(s.keeps(1, label, at(1, 1), true, nil), "snapshot rule", "a configuration 1 that the log does not have")
	s = compacted(t)
	require.NoError(t, s.keeps(1, labelled(7, 2, 2), at(1, 1), true, nil))
	s.broken(s.keeps(1, labelled(8, 2, 2), at(2, 2), true, nil), "snapshot rule", "replaces its snapshot 7 at 2/2 by 8 at 2/2")
}

func TestSnapshotRuleOfInstalledSnapshots(t *testing.T) {
	at := engine.Position{Term: 2, Index: 2}
	// n3 holds 1/1 and nothing else.
	behind := func(t *testing.T) *story {
		s := begin(t)
		require.NoError(t, s.leads(1, 2))
		require.NoError(t, s.appends(1, command(2, 2, "b")))
		require.NoError(t, s.appends(2, command(2, 2, "b")))
		require.NoError(t, s.commits(1, 2))
		return s
	}
	require.NoError(t, behind(t).keeps(3, labelled(7, 2, 2), at, false, nil))

	s := behind(t)
	s.broken(s.keeps(3, labelled(7, 3, 3), engine.Position{Term: 3, Index: 3}, false, nil),
		"snapshot rule", "which is of no committed entry")
	s = behind(t)
	s.broken(s.keeps(2, labelled(7, 2, 2), at, false, nil), "snapshot rule", "and the log holds that entry")
	s = behind(t)
	s.broken(s.keeps(1, labelled(7, 2, 2), at, false, nil), "snapshot rule", "installs snapshot 7 at 2/2 as leader")
	s = behind(t)
	s.broken(s.keeps(3, labelled(7, 2, 2), engine.Position{Term: 2, Index: 3}, false, nil),
		"snapshot rule", "begins its log after 2/3")
}

func TestInstalledSnapshotIsRestoredOnceItIsDurable(t *testing.T) {
	at := engine.Position{Term: 2, Index: 2}
	installed := func(t *testing.T) *story {
		s := compacted(t)
		require.NoError(t, s.Started(engine.Peer{ID: 3, Incarnation: 9}, engine.Recovered{HardState: engine.HardState{Term: 1}}))
		s.seq[3], s.status[3] = 0, engine.Status{ID: 3, Term: 1, Membership: voters(1, 2, 3)}
		require.NoError(t, s.step(3, func(st *engine.Status) { st.Term = 2 }, s.hardState(3, 2, 0)))
		require.NoError(t, s.keeps(3, labelled(7, 2, 2), at, false, func(st *engine.Status) { st.Applied = 0 }))
		return s
	}
	restore := &engine.ApplySnapshot{Snapshot: labelled(7, 2, 2)}
	s := installed(t)
	s.broken(s.step(3, nil, restore), "state machine safety", "before the switch to it is durable")
	held := &engine.SnapshotOfferResponse{Term: 2, Verdict: engine.SnapshotHeld, Match: 2}
	s = installed(t)
	s.broken(s.Left(3, 1, held), "persist before send", "")

	s = installed(t)
	s.syncs(3)
	require.NoError(t, s.Left(3, 1, held))
	require.NoError(t, s.told(3, func(st *engine.Status) { st.Durable = 2 }, restore))
	s.broken(s.step(3, nil, restore), "state machine safety", "n3 restores 7 at 2/2 after index 2")

	s = installed(t)
	s.syncs(3)
	other := &engine.ApplySnapshot{Snapshot: labelled(8, 2, 3)}
	s.broken(s.told(3, func(st *engine.Status) { st.Durable = 2 }, other), "state machine safety", "its log begins after 2/2")
}

func TestRecoveryFindsTheSnapshot(t *testing.T) {
	at := engine.Position{Term: 1, Index: 1}
	s := compacted(t)
	require.NoError(t, s.keeps(1, labelled(7, 2, 2), at, true, nil))
	s.syncs(1)
	s.Crashed(1)
	recovered := engine.Recovered{
		HardState: promise(2, 1), Snapshot: labelled(7, 2, 2), Base: at, Entries: []engine.Entry{command(2, 2, "b")},
	}
	other := recovered
	other.Snapshot.ID = 8
	var violation *check.Violation
	require.ErrorAs(t, s.Started(peer(1), other), &violation)
	require.Equal(t, "recovery", violation.Property)
	require.NoError(t, s.Started(peer(1), recovered))
}
