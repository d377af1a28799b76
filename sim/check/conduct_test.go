package check_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

// configured is a story of nodes whose configuration is told: ten ticks of one nanosecond are an election timeout.
func configured(t *testing.T) *story {
	s := begin(t)
	for id := engine.NodeID(1); id <= 3; id++ {
		cfg := engine.DefaultConfig(id)
		cfg.TickInterval, cfg.MaxAppendEntries = 1, 2
		s.Configured(id, cfg, 1)
	}
	return s
}

func (s *story) hears(id engine.NodeID, now engine.Instant, message engine.Message, actions ...engine.Action) error {
	return s.Stepped(id, &engine.Incoming{Now: now, From: peer(2), Message: message}, actions, s.status[id])
}

func to(id engine.NodeID, message engine.Message) engine.Action {
	return &engine.Send{To: id, Message: message}
}

// TestConduct: each story ends with what a node must not do, behind what it may.
func TestConduct(t *testing.T) {
	follows := func(s *story, id, leader engine.NodeID) {
		status := s.status[id]
		status.Leader = leader
		s.status[id] = status
	}
	leads := func(t *testing.T, s *story) {
		t.Helper()
		require.NoError(t, s.step(1, func(st *engine.Status) { st.Term = 2 }, s.hardState(1, 2, 0)))
		s.syncs(1)
		require.NoError(t, s.Stepped(1, &engine.Tick{Now: 99}, nil, s.status[1]), "long after the start")
		require.NoError(t, s.step(1, nil, to(2, &engine.RequestPreVote{Term: 3, Round: 1, Last: s.status[1].Last})))
		require.NoError(t, s.hears(1, 100, &engine.RequestPreVoteResponse{Term: 3, Round: 1, Granted: true}))
		require.NoError(t, s.leads(1, 3))
	}
	for name, story := range map[string]struct {
		property string
		tell     func(*testing.T, *story) error
	}{
		"an old leader is not answered": {"answers", func(t *testing.T, s *story) error {
			require.NoError(t, s.step(1, func(st *engine.Status) { st.Term = 2 }, s.hardState(1, 2, 0)))
			old := &engine.Heartbeat{Term: 1, Number: 7}
			require.NoError(t, s.hears(1, 2, old, to(2, &engine.HeartbeatResponse{Term: 2})))
			return s.hears(1, 3, old)
		}},
		"a number of an old leader is repeated": {"answers", func(t *testing.T, s *story) error {
			require.NoError(t, s.step(1, func(st *engine.Status) { st.Term = 2 }, s.hardState(1, 2, 0)))
			return s.hears(1, 2, &engine.Heartbeat{Term: 1, Number: 7}, to(2, &engine.HeartbeatResponse{Term: 2, Number: 7}))
		}},
		"a sign of life waits": {"answers", func(t *testing.T, s *story) error {
			beat := &engine.Heartbeat{Term: 1, Number: 7}
			require.NoError(t, s.hears(1, 2, beat, to(2, &engine.HeartbeatResponse{Term: 1, Number: 7})))
			return s.hears(1, 3, beat, &engine.Send{To: 2, Wait: true, Message: &engine.HeartbeatResponse{Term: 1, Number: 7}})
		}},
		"an append is too long": {"append bounds", func(t *testing.T, s *story) error {
			prev := engine.Position{Term: 1, Index: 1}
			two := []engine.Entry{command(1, 2, "b"), command(1, 3, "c")}
			require.NoError(t, s.step(1, nil, to(2, &engine.AppendEntries{Term: 1, Prev: prev, Entries: two})))
			return s.step(1, nil, to(2, &engine.AppendEntries{Term: 1, Prev: prev, Entries: append(two, command(1, 4, "d"))}))
		}},
		"a pre-vote while a leader is heard": {"patience", func(t *testing.T, s *story) error {
			follows(s, 1, 3)
			ask := &engine.RequestPreVote{Term: 2, Round: 1, Last: engine.Position{Term: 1, Index: 2}}
			granted := to(2, &engine.RequestPreVoteResponse{Term: 2, Round: 1, Granted: true})
			require.NoError(t, s.hears(1, 50, ask, granted), "long after the start")
			require.NoError(t, s.hears(1, 60, &engine.Heartbeat{Term: 1, Number: 1}, to(2, &engine.HeartbeatResponse{Term: 1, Number: 1})))
			require.NoError(t, s.hears(1, 70, ask, granted), "an election timeout later")
			require.NoError(t, s.hears(1, 80, &engine.Heartbeat{Term: 1, Number: 1}, to(2, &engine.HeartbeatResponse{Term: 1, Number: 1})))
			return s.hears(1, 89, ask, granted)
		}},
		"a vote for a log that is behind": {"votes", func(t *testing.T, s *story) error {
			require.NoError(t, s.step(1, nil))
			ask := &engine.RequestPreVote{Term: 2, Round: 1}
			return s.hears(1, 50, ask, to(2, &engine.RequestPreVoteResponse{Term: 2, Round: 1, Granted: true}))
		}},
		"a campaign without pre-votes": {"pre-vote", func(_ *testing.T, s *story) error {
			return s.step(1, func(st *engine.Status) { st.Term, st.Vote, st.Role = 2, 1, engine.Candidate }, s.hardState(1, 2, 1))
		}},
		"a leader that nobody answers": {"check quorum", func(t *testing.T, s *story) error {
			leads(t, s)
			for range 10 {
				require.NoError(t, s.step(1, nil))
			}
			return errors.Join(s.step(1, nil), s.step(1, nil), s.step(1, nil))
		}},
		"a leader with a stalled disk": {"stalled disk", func(t *testing.T, s *story) error {
			leads(t, s)
			require.NoError(t, s.step(1, nil, s.hardState(1, 3, 1)))
			status := s.status[1]
			require.NoError(t, s.Stepped(1, &engine.Tick{Now: 110}, nil, status))
			return s.Stepped(1, &engine.Tick{Now: 111}, nil, status)
		}},
		"a read without a round": {"read quorum", func(t *testing.T, s *story) error {
			leads(t, s)
			require.NoError(t, s.Stepped(1, &engine.ProposeRead{Now: 101, ID: 5}, []engine.Action{to(2, &engine.Heartbeat{Term: 3, Number: 1})}, s.status[1]))
			answer := &engine.HeartbeatResponse{Term: 3, Number: 1}
			require.NoError(t, s.hears(1, 102, answer, &engine.ReadReady{ID: 5}), "a majority has answered")
			require.NoError(t, s.Stepped(1, &engine.ProposeRead{Now: 103, ID: 6}, []engine.Action{to(2, &engine.Heartbeat{Term: 3, Number: 2})}, s.status[1]))
			return s.hears(1, 104, answer, &engine.ReadReady{ID: 6})
		}},
		"a snapshot that nobody asked for": {"transfers", func(t *testing.T, s *story) error {
			leads(t, s)
			require.NoError(t, s.step(1, nil, to(2, &engine.SnapshotOffer{Term: 3, Number: 4, Transfer: 9})))
			accepted := &engine.SnapshotOfferResponse{Term: 3, Number: 4, Transfer: 9, Verdict: engine.SnapshotAccepted}
			require.NoError(t, s.hears(1, 101, accepted, &engine.SendSnapshot{To: 2, Transfer: 9}))
			return s.hears(1, 102, accepted, &engine.SendSnapshot{To: 2, Transfer: 9})
		}},
		"a snapshot that came is forgotten": {"transfers", func(t *testing.T, s *story) error {
			require.NoError(t, s.hears(1, 2, &engine.SnapshotOffer{Term: 1, Number: 4, Transfer: 9}, &engine.ReceiveSnapshot{From: 2, Transfer: 9, Snapshot: labelled(7, 1, 5)}))
			return s.Stepped(1, &engine.SnapshotReceived{Now: 3, Transfer: 9}, nil, s.status[1])
		}},
		"a handover without an answer": {"handover", func(t *testing.T, s *story) error {
			leads(t, s)
			require.NoError(t, s.Stepped(1, &engine.TransferLeadership{Now: 101, ID: 5, Target: 2}, nil, s.status[1]))
			var err error
			for now := engine.Instant(102); err == nil && now < 130; now++ {
				require.NoError(t, s.hears(1, now, &engine.HeartbeatResponse{Term: 3, Number: 1}))
				err = s.Stepped(1, &engine.Tick{Now: now}, nil, s.status[1])
			}
			return err
		}},
		"a hint for the second time": {"hints", func(t *testing.T, s *story) error {
			require.NoError(t, s.step(1, nil, &engine.SnapshotHint{Reason: engine.HintApplied, Applied: 7}))
			require.NoError(t, s.step(1, nil, &engine.SnapshotHint{Reason: engine.HintApplied, Applied: 9}))
			return s.step(1, nil, &engine.SnapshotHint{Reason: engine.HintApplied, Applied: 9})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var violation *check.Violation
			require.ErrorAs(t, story.tell(t, configured(t)), &violation)
			require.Equal(t, story.property, violation.Property, violation.Detail)
		})
	}
}
