package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// alone is the engine of n1 in a cluster whose other members are played by the test. Its log begins with the
// founders' entry 1/1 and the binding 1/2, which names incarnation 100+id for each member.
type alone struct {
	*Engine
	t      *testing.T
	clock  Instant
	writes Seq      // the newest Persist action
	last   []Action // of the last step, copied
	lines  []string
}

// Trace collects what the engine tells.
func (a *alone) Trace(sentence string) { a.lines = append(a.lines, sentence) }

type aloneOptions struct {
	voters, learners int
	state            HardState
	terms            []Term // of the entries from 3 on
	commit           Index
	change           func(*Config)
	raw              *Recovered // instead of all above
}

func newAlone(t *testing.T, o aloneOptions) *alone {
	t.Helper()
	a := &alone{t: t}
	cfg := DefaultConfig(1)
	cfg.Incarnation = 101
	cfg.Random = rand.NewPCG(3, 4)
	cfg.Tracer = a
	if o.change != nil {
		o.change(&cfg)
	}
	recovered := o.raw
	if recovered == nil {
		recovered = &Recovered{HardState: o.state, Entries: boundLog(t, o.voters, o.learners, o.terms...), Commit: o.commit}
	}
	e, err := New(cfg, *recovered)
	require.NoError(t, err)
	a.Engine = e
	return a
}

// boundLog returns founders, binding and entries of the given terms.
func boundLog(t testing.TB, voters, learners int, terms ...Term) []Entry {
	t.Helper()
	var members []Member
	for id := 1; id <= voters+learners; id++ {
		role := Voter
		if id > voters {
			role = Learner
		}
		members = append(members, Member{ID: NodeID(id), Role: role, Address: NodeID(id).String() + ":1"})
	}
	founders, err := FoundersEntry(Membership{Members: members})
	require.NoError(t, err)
	for i := range members {
		members[i].Incarnation = 100 + Incarnation(members[i].ID)
	}
	bind := Configuration{Change: ChangeBind, Membership: Membership{Members: members}}
	entries := []Entry{founders, {Term: 1, Index: 2, Kind: EntryConfiguration, Data: bind.Encode()}}
	return append(entries, entriesOf(3, terms...)...)
}

func peer(id NodeID) Peer { return Peer{ID: id, Incarnation: 100 + Incarnation(id)} }

// votedFor is the hard state of a node that gave its vote of the term; to nobody when id is zero.
func votedFor(term Term, id NodeID) HardState {
	if id == 0 {
		return HardState{Term: term}
	}
	return HardState{Term: term, Vote: id, VoteIncarnation: peer(id).Incarnation}
}

// step gives one event and keeps a copy of what it led to.
func (a *alone) step(event Event) []Action {
	a.t.Helper()
	a.last = nil
	for _, action := range a.Step(event) {
		a.last = append(a.last, copied(action))
		switch p := action.(type) {
		case *PersistHardState:
			require.Equal(a.t, a.writes+1, p.Seq)
			a.writes = p.Seq
		case *PersistLogEntries:
			require.Equal(a.t, a.writes+1, p.Seq)
			a.writes = p.Seq
		case *PersistSnapshot:
			require.Equal(a.t, a.writes+1, p.Seq)
			a.writes = p.Seq
		default:
		}
	}
	if !a.fatal {
		a.CheckInvariants()
	}
	return a.last
}

// copied returns a copy of an action that outlives the next step.
func copied(action Action) Action {
	switch a := action.(type) {
	case *PersistHardState:
		c := *a
		return &c
	case *PersistLogEntries:
		c := *a
		return &c
	case *Send:
		c := *a
		return &c
	case *Apply:
		c := *a
		return &c
	case *ProposalAccepted:
		c := *a
		return &c
	case *Redirect:
		c := *a
		return &c
	case *ProposalRejected:
		c := *a
		return &c
	case *ReadReady:
		c := *a
		return &c
	case *ReadFailed:
		c := *a
		return &c
	case *PersistSnapshot:
		c := *a
		return &c
	case *ApplySnapshot:
		c := *a
		return &c
	case *SnapshotHint:
		c := *a
		return &c
	case *DiscardSnapshot:
		c := *a
		return &c
	case *SendSnapshot:
		c := *a
		return &c
	case *ReceiveSnapshot:
		c := *a
		return &c
	case *AbortSnapshot:
		c := *a
		return &c
	default:
	}
	return action
}

func (a *alone) receive(from NodeID, m Message) []Action {
	a.t.Helper()
	return a.step(&Incoming{Now: a.clock, From: peer(from), Message: m})
}

// sync confirms every write so far.
func (a *alone) sync() []Action {
	a.t.Helper()
	return a.step(&Persisted{Now: a.clock, Seq: a.writes})
}

// tick lets n tick intervals pass and returns what the last tick led to.
func (a *alone) tick(n int) []Action {
	a.t.Helper()
	for range n {
		a.clock += Instant(a.cfg.TickInterval)
		a.step(&Tick{Now: a.clock})
	}
	return a.last
}

// awaitCampaign ticks until n1 does not follow any more.
func (a *alone) awaitCampaign() {
	a.t.Helper()
	for range 2 * a.cfg.ElectionTimeoutMaxTicks {
		if a.role != Follower {
			return
		}
		a.tick(1)
	}
	require.Fail(a.t, "n1 does not campaign", "%v", a.lines)
}

// campaign ticks until n1 campaigns, grants the pre-vote, and returns what the election began with.
func (a *alone) campaign() []Action {
	a.t.Helper()
	for range a.cfg.ElectionTimeoutMaxTicks {
		if a.role == PreCandidate || a.role == Candidate {
			break
		}
		a.tick(1)
	}
	if a.role == PreCandidate {
		for _, id := range a.others() {
			if a.role == PreCandidate {
				a.receive(id, &RequestPreVoteResponse{Term: a.state.Term + 1, Round: a.round, Granted: true})
			}
		}
	}
	require.Equal(a.t, Candidate, a.Role())
	return a.last
}

// lead makes n1 leader, with everything so far on its disk.
func (a *alone) lead() []Action {
	a.t.Helper()
	a.campaign()
	a.sync()
	for _, id := range a.others() {
		if a.role == Candidate {
			a.receive(id, &RequestVoteResponse{Candidate: 101, Term: a.state.Term, Granted: true})
		}
	}
	require.Equal(a.t, Leader, a.Role())
	return a.last
}

func (a *alone) others() []NodeID { return a.Membership().Voters()[1:] }

// follow makes n1 a follower of the leader in the term.
func (a *alone) follow(leader NodeID, term Term) {
	a.t.Helper()
	a.receive(leader, &Heartbeat{Term: term, Number: 1})
	require.Equal(a.t, leader, a.Leader())
	a.sync()
}

// accept acknowledges the leader's log up to match on behalf of a follower, for the newest message.
func (a *alone) accept(from NodeID, match Index) []Action {
	a.t.Helper()
	return a.receive(from, &AppendEntriesResponse{Term: a.state.Term, Number: a.sendNumber, Accepted: true, Match: match})
}

// pick returns the actions of one type.
func pick[T Action](actions []Action) []T {
	var found []T
	for _, action := range actions {
		if a, ok := action.(T); ok {
			found = append(found, a)
		}
	}
	return found
}

// sent returns the messages of one type that went to a node; to zero means anybody.
func sent[M Message](actions []Action, to NodeID) []M {
	var found []M
	for _, s := range pick[*Send](actions) {
		if m, ok := s.Message.(M); ok && (to == 0 || s.To == to) {
			found = append(found, m)
		}
	}
	return found
}

// one returns the only message of one type that went to a node.
func one[M Message](t *testing.T, actions []Action, to NodeID) M {
	t.Helper()
	found := sent[M](actions, to)
	require.Len(t, found, 1)
	return found[0]
}

// waits reports whether the only message to a node waits for the disk.
func waits(t *testing.T, actions []Action, to NodeID) bool {
	t.Helper()
	for _, s := range pick[*Send](actions) {
		if s.To == to {
			return s.Wait
		}
	}
	require.Fail(t, "nothing was sent", "to %v", to)
	return false
}
