package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

// governed is a cluster of n1 to n3 whose configuration is told, long after its start, in which n1 leads term 2.
func governed(t *testing.T) *story {
	s := founded(t)
	for id := engine.NodeID(1); id <= 3; id++ {
		cfg := engine.DefaultConfig(id)
		cfg.TickInterval, cfg.PreVote = 1, false
		s.Configured(id, cfg, 1)
		require.NoError(t, s.Stepped(id, &engine.Tick{Now: 99}, nil, s.status[id]))
	}
	require.NoError(t, s.leads(1, 2))
	return s
}

// takes reports the Step in which a node gets configurations into its log, and makes them durable.
func (s *story) takes(id engine.NodeID, entries ...engine.Entry) error {
	last := entries[len(entries)-1]
	c, err := engine.DecodeConfiguration(last.Data)
	require.NoError(s.t, err)
	err = s.step(id, func(st *engine.Status) { st.Last, st.Membership = last.Position(), c.Membership }, s.entries(id, entries...))
	s.syncs(id)
	return err
}

func TestWhoIsAddedAgainIsNotRemoved(t *testing.T) {
	removal := configuration(2, 2, engine.ChangeRemove, 3, trio()[:2]...)
	s := governed(t)
	for _, id := range []engine.NodeID{1, 2} {
		require.NoError(t, s.takes(id, removal))
		require.NoError(t, s.told(id, nil))
	}
	require.NoError(t, s.commits(1, 2))
	notice := &engine.Removed{Term: 2, Incarnation: 3, Commit: engine.Position{Term: 2, Index: 2}}
	status := s.status[3]
	status.Removed = true
	s.status[3] = status
	require.NoError(t, s.hears(3, 100, notice))
	s.broken(s.takes(3, removal, configuration(2, 3, engine.ChangeAddLearner, 3, member(1, engine.Voter, 1), member(2, engine.Voter, 2), member(3, engine.Learner, 3))),
		"leaving", "is followed by a configuration that names it")
}

func TestWhoIsRemovedHearsItsLeader(t *testing.T) {
	beat := func(id engine.NodeID) engine.Action { return to(id, &engine.Heartbeat{Term: 2, Number: 1}) }
	s := governed(t)
	require.NoError(t, s.takes(1, configuration(2, 2, engine.ChangeRemove, 3, trio()[:2]...)))
	require.NoError(t, s.step(1, nil, beat(2), beat(3)))
	require.NoError(t, s.step(1, nil), "this is no round")
	s.broken(s.step(1, nil, beat(2)), "farewell", "and not n3")
}

func TestPreVotesGoWhereTheVoteWent(t *testing.T) {
	asks := func(s *story, incarnation engine.Incarnation) error {
		asked := &engine.RequestPreVote{Term: 2, Round: 1, Last: engine.Position{Term: 2, Index: 2}}
		granted := to(2, &engine.RequestPreVoteResponse{Term: 2, Round: 1, Granted: true})
		from := engine.Peer{ID: 2, Incarnation: incarnation}
		return s.Stepped(3, &engine.Incoming{Now: 200, From: from, Message: asked}, []engine.Action{granted}, s.status[3])
	}
	s := governed(t)
	require.NoError(t, s.step(3, func(st *engine.Status) { st.Term, st.Vote = 2, 2 }, s.hardState(3, 2, 2)))
	require.NoError(t, asks(s, 2))
	s.broken(asks(s, 9), "pre-vote", "its vote went to")
}

func TestNobodyBecomesNewborn(t *testing.T) {
	s := &story{Cluster: check.New(), t: t, status: map[engine.NodeID]engine.Status{}, seq: map[engine.NodeID]engine.Seq{}}
	require.NoError(t, s.Started(peer(4), engine.Recovered{}))
	first := configuration(1, 1, engine.ChangeFounders, 0, trio()...)
	s.broken(s.takes(4, first), "identity", "did not begin so")

	s = founded(t)
	label := labelled(7, 1, 1)
	label.ConfigurationIndex, label.Membership = 1, engine.Membership{Members: trio()}
	require.NoError(t, s.leads(1, 2))
	for _, id := range []engine.NodeID{1, 2} {
		require.NoError(t, s.appends(id, command(2, 2, "b")))
	}
	require.NoError(t, s.commits(1, 2))
	s.seq[1]++
	s.broken(s.step(1, func(st *engine.Status) { st.Applied, st.Base = 1, engine.Position{} },
		&engine.PersistSnapshot{Seq: s.seq[1], Snapshot: label, Keep: true}), "identity", "no more than a founder begins with")
}

func TestReasonsOfRefusals(t *testing.T) {
	begin := func() *story {
		s := governed(t)
		for _, id := range []engine.NodeID{1, 2} {
			require.NoError(t, s.appends(id, command(2, 2, "b")))
		}
		require.NoError(t, s.commits(1, 2))
		return s
	}
	for name, c := range map[string]struct {
		change engine.ConfigChange
		reason engine.ChangeRefusal
		ok     bool
	}{
		"an unknown node":       {engine.ConfigChange{Kind: engine.ChangeRemove, Target: 4}, engine.RefuseUnknownNode, true},
		"a known node":          {engine.ConfigChange{Kind: engine.ChangeRemove, Target: 3}, engine.RefuseUnknownNode, false},
		"a voter":               {engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: 3}, engine.RefuseAlreadyVoter, true},
		"no learner":            {engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: 3}, engine.RefuseAlreadyLearner, false},
		"somebody to promote":   {engine.ConfigChange{Kind: engine.ChangePromote, Target: 3}, engine.RefuseNotLearner, true},
		"all is ready":          {engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: 4}, engine.RefuseNotReady, false},
		"nobody was met":        {engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: 4}, engine.RefuseNotReached, true},
		"one that was met":      {engine.ConfigChange{Kind: engine.ChangePromote, Target: 3}, engine.RefuseNotReached, false},
		"nothing is in flight":  {engine.ConfigChange{Kind: engine.ChangeRemove, Target: 3}, engine.RefuseChangeInProgress, false},
		"too far behind":        {engine.ConfigChange{Kind: engine.ChangePromote, Target: 3}, engine.RefuseTooFarBehind, true},
		"far behind, by force":  {engine.ConfigChange{Kind: engine.ChangePromote, Target: 3, Force: true}, engine.RefuseTooFarBehind, false},
		"leadership is on move": {engine.ConfigChange{Kind: engine.ChangeRemove, Target: 3}, engine.RefuseBusy, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin()
			err := s.Stepped(1, &engine.ProposeConfigChange{Now: 101, ID: 7, Change: c.change},
				[]engine.Action{&engine.ConfigChangeRejected{ID: 7, Reason: c.reason}}, s.status[1])
			if c.ok {
				require.NoError(t, err)
				return
			}
			s.broken(err, "refusals", "which is not so")
		})
	}
}

// TestAcknowledgementsReachTheEntryThatNames: n3 holds 2/2 and not the entry that adds it again.
func TestAcknowledgementsReachTheEntryThatNames(t *testing.T) {
	begin := func() *story {
		s := founded(t)
		require.NoError(t, s.leads(1, 2))
		removal := configuration(2, 2, engine.ChangeRemove, 3, trio()[:2]...)
		for _, id := range []engine.NodeID{1, 2} {
			require.NoError(t, s.takes(id, removal))
			require.NoError(t, s.told(id, nil))
		}
		require.NoError(t, s.commits(1, 2))
		again := configuration(2, 4, engine.ChangeAddVoter, 3, trio()...)
		require.NoError(t, s.takes(1, command(2, 3, "c"), again))
		require.NoError(t, s.told(1, nil))
		require.NoError(t, s.step(3, func(st *engine.Status) {
			st.Term, st.Last, st.Membership = 2, engine.Position{Term: 2, Index: 3}, engine.Membership{Members: trio()[:2]}
		}, s.hardState(3, 2, 0), s.entries(3, removal, command(2, 3, "c"))))
		s.syncs(3)
		return s
	}
	s := begin()
	s.broken(s.commits(1, 3), "commit rule", "together with the entry that names them")
	s = begin()
	require.NoError(t, s.takes(3, configuration(2, 4, engine.ChangeAddVoter, 3, trio()...)))
	require.NoError(t, s.commits(1, 3))
}
