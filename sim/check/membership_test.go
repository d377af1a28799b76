package check_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

func member(id engine.NodeID, role engine.MemberRole, incarnation engine.Incarnation) engine.Member {
	return engine.Member{ID: id, Incarnation: incarnation, Role: role, Address: "h:1"}
}

func configuration(term engine.Term, index engine.Index, change engine.ChangeKind, target engine.NodeID, members ...engine.Member) engine.Entry {
	c := engine.Configuration{Change: change, Target: target, Membership: engine.Membership{Members: members}}
	return engine.Entry{Term: term, Index: index, Kind: engine.EntryConfiguration, Data: c.Encode()}
}

// founded starts n1 to n3 as the voters of 1/1.
func founded(t *testing.T) *story {
	s := &story{Cluster: check.New(), t: t, status: map[engine.NodeID]engine.Status{}, seq: map[engine.NodeID]engine.Seq{}}
	members := trio()
	for id := engine.NodeID(1); id <= 3; id++ {
		s.start(id, configuration(1, 1, engine.ChangeFounders, 0, members...))
		status := s.status[id]
		status.Membership = engine.Membership{Members: members}
		s.status[id] = status
	}
	return s
}

func trio() []engine.Member {
	return []engine.Member{member(1, engine.Voter, 1), member(2, engine.Voter, 2), member(3, engine.Voter, 3)}
}

func with(more ...engine.Member) []engine.Member { return append(trio(), more...) }

func TestConfigurationsFollowFromEachOther(t *testing.T) {
	learner := member(4, engine.Learner, 4)
	for name, c := range map[string]struct {
		before []engine.Member
		change engine.ChangeKind
		target engine.NodeID
		after  []engine.Member
		ok     bool
	}{
		"add voter":                     {trio(), engine.ChangeAddVoter, 4, with(member(4, engine.Voter, 4)), true},
		"add voter, nobody knows which": {trio(), engine.ChangeAddVoter, 4, with(member(4, engine.Voter, 0)), false},
		"add voter, who is one":         {with(member(4, engine.Voter, 4)), engine.ChangeAddVoter, 4, with(member(4, engine.Voter, 5)), false},
		"add learner":                   {trio(), engine.ChangeAddLearner, 4, with(member(4, engine.Learner, 0)), true},
		"add learner, a voter comes":    {trio(), engine.ChangeAddLearner, 4, with(member(4, engine.Voter, 4)), false},
		"two come":                      {trio(), engine.ChangeAddVoter, 4, with(member(4, engine.Voter, 4), member(5, engine.Voter, 5)), false},
		"promote":                       {with(learner), engine.ChangePromote, 4, with(member(4, engine.Voter, 4)), true},
		"promote to another life":       {with(learner), engine.ChangePromote, 4, with(member(4, engine.Voter, 5)), false},
		"promote the unbound":           {with(member(4, engine.Learner, 0)), engine.ChangePromote, 4, with(member(4, engine.Voter, 0)), false},
		"promote, somebody else goes":   {with(learner), engine.ChangePromote, 4, append(trio()[:2], member(4, engine.Voter, 4)), false},
		"demote":                        {with(member(4, engine.Voter, 4)), engine.ChangeDemote, 4, with(learner), true},
		"demote a learner":              {with(learner), engine.ChangeDemote, 4, with(learner), false},
		"remove":                        {with(learner), engine.ChangeRemove, 4, trio(), true},
		"remove nobody":                 {trio(), engine.ChangeRemove, 4, trio(), false},
		"remove the last voter":         {trio()[:1], engine.ChangeRemove, 1, nil, false},
		"address":                       {with(learner), engine.ChangeUpdateAddress, 4, with(engine.Member{ID: 4, Incarnation: 4, Role: engine.Learner, Address: "h:2"}), true},
		"address and role":              {with(learner), engine.ChangeUpdateAddress, 4, with(engine.Member{ID: 4, Incarnation: 4, Role: engine.Voter, Address: "h:2"}), false},
		"bind":                          {with(member(4, engine.Learner, 0)), engine.ChangeBind, 0, with(learner), true},
		"bind the bound":                {with(learner), engine.ChangeBind, 0, with(member(4, engine.Learner, 5)), false},
		"founders once more":            {trio(), engine.ChangeFounders, 0, trio(), false},
	} {
		t.Run(name, func(t *testing.T) {
			err := check.New().Started(peer(1), engine.Recovered{HardState: engine.HardState{Term: 1}, Entries: []engine.Entry{
				configuration(1, 1, engine.ChangeFounders, 0, c.before...), configuration(1, 2, c.change, c.target, c.after...),
			}})
			if c.ok {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, "does not follow from")
			}
		})
	}
}

func TestNodesGoByTheirNewestConfiguration(t *testing.T) {
	s := founded(t)
	four := with(member(4, engine.Learner, 4))
	added := s.entries(2, configuration(1, 2, engine.ChangeAddLearner, 4, four...))
	s.broken(s.step(2, func(st *engine.Status) { st.Last = engine.Position{Term: 1, Index: 2} }, added), "membership", "n2 goes by")
	s = founded(t)
	added = s.entries(2, configuration(1, 2, engine.ChangeAddLearner, 4, four...))
	require.NoError(t, s.step(2, func(st *engine.Status) {
		st.Last, st.Membership = engine.Position{Term: 1, Index: 2}, engine.Membership{Members: four}
	}, added))
	replaced := s.entries(2, command(2, 2, "x"))
	s.broken(s.step(2, func(st *engine.Status) { st.Last, st.Term = engine.Position{Term: 2, Index: 2}, 2 }, replaced),
		"membership", "n2 goes by")
}

// changes reports the Step in which a leader accepts to add a learner.
func (s *story) changes(id engine.NodeID, target engine.NodeID, proposal engine.ProposalID) error {
	status := s.status[id]
	position := engine.Position{Term: status.Term, Index: status.Last.Index + 1}
	members := append(slices.Clone(status.Membership.Members), member(target, engine.Learner, 9))
	write := s.entries(id, configuration(position.Term, position.Index, engine.ChangeAddLearner, target, members...))
	status.Last, status.Membership = position, engine.Membership{Members: members}
	s.status[id] = status
	asked := &engine.ProposeConfigChange{ID: proposal, Change: engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: target}}
	return s.Stepped(id, asked, []engine.Action{&engine.ConfigChangeAccepted{ID: proposal, Position: position}, write}, status)
}

func TestOneChangeAtATime(t *testing.T) {
	s := founded(t)
	require.NoError(t, s.leads(1, 2))
	s.broken(s.changes(1, 4, 1), "one change", "nothing of term 2 is committed")

	begun := func() *story {
		s := founded(t)
		require.NoError(t, s.leads(1, 2))
		for _, id := range []engine.NodeID{1, 2} {
			require.NoError(t, s.appends(id, command(2, 2, "b")))
		}
		require.NoError(t, s.commits(1, 2))
		require.NoError(t, s.changes(1, 4, 1))
		return s
	}
	s = begun()
	s.broken(s.changes(1, 5, 2), "one change", "while the change at 2/3 is not committed")
	s = begun()
	s.broken(s.step(1, nil, &engine.ConfigChangeRejected{ID: 1}), "outcomes", "has its answer")
	s = begun()
	asked := &engine.ProposeConfigChange{ID: 2, Change: engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: 5}}
	s.broken(s.Stepped(1, asked, []engine.Action{&engine.ConfigChangeAccepted{ID: 2, Position: engine.Position{Term: 2, Index: 4}}}, s.status[1]),
		"outcomes", "accepts to add learner n5 at 2/4 and has add learner n4 at 2/3")
}

func TestRemovedOnlyByACommittedConfiguration(t *testing.T) {
	s := founded(t)
	s.broken(s.step(3, func(st *engine.Status) { st.Removed = true }), "removed", "every committed configuration names it")
}

func TestTransfersAreAnsweredOnce(t *testing.T) {
	asked := &engine.TransferLeadership{ID: 5, Target: 2}
	s := begin(t)
	require.NoError(t, s.Stepped(1, asked, nil, s.status[1]), "the answer may come later")
	s.broken(s.Converged([]engine.NodeID{1}), "outcomes", "n1 has not answered transfer 5")
	require.NoError(t, s.step(1, nil, &engine.TransferFailed{ID: 5}))
	require.NoError(t, s.Converged([]engine.NodeID{1}))
	s.broken(s.step(1, nil, &engine.TransferFailed{ID: 5}), "outcomes", "has its answer")
	s = begin(t)
	require.NoError(t, s.Stepped(1, asked, []engine.Action{&engine.Redirect{ID: 5}}, s.status[1]))
	s.broken(s.step(1, nil, &engine.TransferDone{ID: 5}), "outcomes", "has its answer")
	s = begin(t)
	require.NoError(t, s.Stepped(1, asked, nil, s.status[1]))
	s.broken(s.step(1, nil, &engine.TransferDone{ID: 5, Leader: 2, Term: 1}), "outcomes", "says that n2 leads term 1")
	s = begin(t)
	require.NoError(t, s.Stepped(1, asked, nil, s.status[1]))
	s.Crashed(1)
	require.NoError(t, s.Converged([]engine.NodeID{1}), "who crashed answers nobody")
}

func TestNoticesOfRemovalAreTrue(t *testing.T) {
	removal := configuration(2, 2, engine.ChangeRemove, 3, trio()[:2]...)
	begin := func() *story {
		s := founded(t)
		require.NoError(t, s.leads(1, 2))
		for _, id := range []engine.NodeID{1, 2} {
			require.NoError(t, s.step(id, func(st *engine.Status) {
				st.Last, st.Membership = engine.Position{Term: 2, Index: 2}, engine.Membership{Members: trio()[:2]}
			}, s.entries(id, removal)))
			s.syncs(id)
			require.NoError(t, s.told(id, nil))
		}
		require.NoError(t, s.commits(1, 2))
		return s
	}
	notice := func(incarnation engine.Incarnation, term engine.Term, index engine.Index) *engine.Removed {
		return &engine.Removed{Term: 2, Incarnation: incarnation, Commit: engine.Position{Term: term, Index: index}}
	}
	require.NoError(t, begin().Left(1, 3, notice(3, 2, 2)))
	require.NoError(t, begin().Left(1, 2, notice(9, 2, 2)), "another life of a member")
	begun := begin()
	begun.broken(begun.Left(1, 2, notice(2, 2, 2)), "removed", "and 2/2 names it")
	begun.broken(begun.Left(1, 3, notice(3, 1, 1)), "removed", "and 1/1 names it")
	begun.broken(begun.Left(1, 3, notice(3, 2, 3)), "removed", "which is not committed")
	begun.broken(begun.Left(1, 3, notice(3, 1, 2)), "removed", "which is not committed")
}
