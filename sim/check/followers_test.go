package check

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// leading is a leader of term 3 with two followers, and what it does Step by Step.
type leading struct{ *node }

func lead(t *testing.T) leading {
	t.Helper()
	cfg := engine.DefaultConfig(1)
	n := &node{peer: engine.Peer{ID: 1, Incarnation: 1}, handed: 9}
	for id := range engine.Incarnation(3) {
		m := engine.Member{ID: engine.NodeID(id + 1), Role: engine.Voter, Incarnation: id + 1}
		n.status.Membership.Members = append(n.status.Membership.Members, m)
	}
	n.status.Role, n.status.Term, n.status.Last, n.status.Commit = engine.Leader, 3, engine.Position{Term: 3, Index: 9}, 5
	n.conduct = conduct{
		cfg: &cfg, promises: map[engine.NodeID]promise{}, reads: map[engine.ReadID]readProof{},
		numbers: numbers{term: 3, peers: map[engine.Peer]*echoes{}},
	}
	l := leading{n}
	require.NoError(t, l.does(&engine.Tick{}, beat(2, 1), beat(3, 2)))
	return l
}

func (l leading) does(event engine.Event, actions ...engine.Action) error {
	before := l.status
	l.conduct.now = cmp.Or(timeOf(event), l.conduct.now)
	if incoming, ok := event.(*engine.Incoming); ok {
		if m, ok := incoming.Message.(*engine.AppendEntriesResponse); ok && m.Accepted && m.Match == l.status.Last.Index {
			l.status.Commit = m.Match
		}
	}
	if _, ok := event.(*engine.Tick); ok {
		l.conduct.numbers.ticks++
	}
	l.conduct.numbers.take(l.node, before, event, actions)
	return cmp.Or(
		checkFollowers(l.node, before, event, actions),
		checkReadQuorum(l.node, event, actions),
		checkReadRounds(l.node, event, actions),
		checkSuccessor(l.node, before, event, actions),
	)
}

func hears(id engine.NodeID, message engine.Message) engine.Event {
	return &engine.Incoming{From: engine.Peer{ID: id, Incarnation: engine.Incarnation(id)}, Message: message}
}

func sends(id engine.NodeID, message engine.Message) engine.Action {
	return &engine.Send{To: id, Message: message}
}

func beat(id engine.NodeID, number engine.SendNumber) engine.Action {
	return sends(id, &engine.Heartbeat{Term: 3, Number: number})
}

func answer(id engine.NodeID, number engine.SendNumber) engine.Event {
	return hears(id, &engine.HeartbeatResponse{Term: 3, Number: number})
}

func tries(id engine.NodeID, number engine.SendNumber, prev engine.Position) engine.Action {
	return sends(id, &engine.AppendEntries{Term: 3, Number: number, Prev: prev})
}

func holds(id engine.NodeID, number engine.SendNumber, match engine.Index) engine.Event {
	return hears(id, &engine.AppendEntriesResponse{Term: 3, Number: number, Accepted: true, Match: match})
}

func parts(id engine.NodeID, number engine.SendNumber, conflict engine.Position) engine.Event {
	return hears(id, &engine.AppendEntriesResponse{Term: 3, Number: number, Conflict: conflict})
}

// TestFollowers: each story ends with what a leader must not do, behind what it may.
func TestFollowers(t *testing.T) {
	at := func(term engine.Term, index engine.Index) engine.Position {
		return engine.Position{Term: term, Index: index}
	}
	tick := &engine.Tick{}
	for name, story := range map[string]struct {
		property string
		tell     func(*testing.T, leading) error
	}{
		"a commit is not told": {"commit told", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8)), tries(3, 4, at(3, 8))))
			require.NoError(t, l.does(answer(3, 2)))
			require.NoError(t, l.does(holds(3, 4, 8)))
			return l.does(holds(2, 3, 9), sends(2, &engine.Heartbeat{Term: 3, Number: 5, Commit: 9}))
		}},
		"old news moves a follower back": {"step back", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8))))
			require.NoError(t, l.does(parts(2, 3, at(0, 6)), tries(2, 4, at(2, 5))))
			require.NoError(t, l.does(parts(2, 3, at(0, 6))))
			return l.does(parts(2, 3, at(0, 6)), tries(2, 5, at(2, 5)))
		}},
		"a step within the conflicting term": {"step back", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8))))
			require.NoError(t, l.does(parts(2, 3, at(2, 6)), tries(2, 4, at(2, 7))), "the last one that it has of that term")
			return l.does(parts(2, 4, at(2, 6)), tries(2, 5, at(1, 6)))
		}},
		"a step that stays in a later term": {"step back", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8))))
			return l.does(parts(2, 3, at(2, 6)), tries(2, 4, at(3, 5)))
		}},
		"a window full before the logs have met": {"probing", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8))))
			require.NoError(t, l.does(parts(2, 3, at(0, 6)), tries(2, 4, at(2, 5))))
			require.NoError(t, l.does(holds(2, 4, 5), tries(2, 5, at(2, 5))))
			require.NoError(t, l.does(holds(2, 5, 6), tries(2, 6, at(2, 6)), tries(2, 7, at(2, 7))))
			require.NoError(t, l.does(parts(2, 7, at(0, 6)), tries(2, 8, at(2, 5))))
			return l.does(holds(2, 8, 5), tries(2, 9, at(2, 5)), tries(2, 10, at(2, 7)))
		}},
		"a second round for reads": {"read rounds", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(&engine.ProposeRead{Now: 1, ID: 1}, beat(2, 3), beat(3, 4)))
			require.NoError(t, l.does(&engine.ProposeRead{Now: 1, ID: 2}))
			require.NoError(t, l.does(answer(2, 3), &engine.ReadReady{ID: 1, Index: 5}, beat(2, 5), beat(3, 6)))
			return l.does(&engine.ProposeRead{Now: 1, ID: 3}, beat(2, 7), beat(3, 8))
		}},
		"a read waits for nobody": {"read rounds", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(&engine.ProposeRead{Now: 1, ID: 1}, beat(2, 3), beat(3, 4)))
			for range 20 {
				require.NoError(t, l.does(tick))
			}
			require.NoError(t, l.does(answer(2, 3)))
			for range l.conduct.cfg.HeartbeatIntervalTicks + 1 {
				require.NoError(t, l.does(tick))
			}
			return l.does(tick)
		}},
		"a lease of another term": {"read rounds", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8))))
			l.conduct.cfg.LeaseDurationTicks = 2
			require.NoError(t, l.does(holds(2, 3, 8)), "which is as good as a heartbeat's answer, but for this rule")
			return l.does(&engine.ProposeRead{Now: 1, ID: 1}, &engine.ReadReady{ID: 1, Index: 5})
		}},
		"who is silent is asked to take over": {"successor", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8)), tries(3, 4, at(3, 8))))
			require.NoError(t, l.does(holds(2, 3, 8)))
			for range 2*l.conduct.cfg.HeartbeatIntervalTicks + 2 {
				require.NoError(t, l.does(tick))
			}
			require.NoError(t, l.does(holds(3, 4, 8)))
			require.NoError(t, l.does(&engine.TransferLeadership{ID: 1}, sends(3, &engine.TimeoutNow{Term: 3, Number: 5})))
			return l.does(tick, sends(2, &engine.TimeoutNow{Term: 3, Number: 6}))
		}},
		"who holds less is asked to take over": {"successor", func(t *testing.T, l leading) error {
			require.NoError(t, l.does(tick, tries(2, 3, at(3, 8)), tries(3, 4, at(3, 8))))
			require.NoError(t, l.does(holds(2, 3, 7)))
			require.NoError(t, l.does(holds(3, 4, 8)))
			return l.does(&engine.TransferLeadership{ID: 1}, sends(2, &engine.TimeoutNow{Term: 3, Number: 5}))
		}},
		"nobody is there to take over": {"successor", func(t *testing.T, l leading) error {
			for range 2*l.conduct.cfg.HeartbeatIntervalTicks + 2 {
				require.NoError(t, l.does(tick))
			}
			refused := &engine.TransferFailed{ID: 1, Reason: engine.TransferInvalidTarget}
			require.NoError(t, l.does(&engine.TransferLeadership{ID: 1}, refused))
			return l.does(&engine.TransferLeadership{ID: 2})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var violation *Violation
			require.ErrorAs(t, story.tell(t, lead(t)), &violation)
			require.Equal(t, story.property, violation.Property, violation.Detail)
		})
	}
}

// TestAConfirmedReadStaysConfirmed although voters are added before its index is applied.
func TestAConfirmedReadStaysConfirmed(t *testing.T) {
	for _, confirmed := range []bool{true, false} {
		l := lead(t)
		require.NoError(t, l.does(&engine.ProposeRead{Now: 1, ID: 1}, beat(2, 3), beat(3, 4)))
		if confirmed {
			require.NoError(t, l.does(answer(2, 3)))
		}
		for id := engine.NodeID(4); id <= 5; id++ {
			m := engine.Member{ID: id, Role: engine.Voter, Incarnation: engine.Incarnation(id)}
			l.status.Membership.Members = append(slices.Clone(l.status.Membership.Members), m)
		}
		err := l.does(&engine.Applied{Now: 1}, &engine.ReadReady{ID: 1, Index: 5})
		if confirmed {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "read quorum")
		}
	}
}

// fixed draws the same number again and again.
type fixed uint64

func (f fixed) Uint64() uint64 { return uint64(f) }

// TestTimeouts: a follower that hears a leader, and what it draws.
func TestTimeouts(t *testing.T) {
	follower := func() (*node, *Draws, *spread) {
		source := &Draws{Source: fixed(1)}
		cfg := engine.DefaultConfig(1)
		cfg.Random = source
		n := &node{conduct: conduct{cfg: &cfg}}
		n.status.Role, n.status.Term = engine.Follower, 3
		source.Uint64()
		n.conduct.timeouts.begin(&cfg)
		return n, source, &spread{}
	}
	property := func(err error) {
		t.Helper()
		var violation *Violation
		require.ErrorAs(t, err, &violation)
		require.Equal(t, "timeouts", violation.Property)
	}
	n, source, s := follower()
	step := func(event engine.Event, draws bool) error {
		if draws {
			source.Uint64()
		}
		return s.checkTimeouts(n, n.status, event)
	}
	require.NoError(t, step(hears(2, &engine.Heartbeat{Term: 3}), true))
	require.NoError(t, step(hears(2, &engine.Heartbeat{Term: 2}), false))
	require.NoError(t, step(&engine.Tick{}, false))
	property(step(hears(2, &engine.Heartbeat{Term: 3}), false))

	n, source, s = follower()
	property(step(hears(2, &engine.AppendEntries{Term: 2}), true))

	for _, timeout := range []int{10, 11} { // the shortest, and the next
		n, source, s = follower()
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			err = step(&engine.Tick{}, i%timeout == 0)
		}
		if timeout == 10 {
			property(err)
		} else {
			require.NoError(t, err)
		}
	}
}
