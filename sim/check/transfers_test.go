package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// sending is a story in which n1 leads term 2, has 1/1 "a" and 2/2 "b" behind a snapshot that it has of both, and has
// offered n2 that snapshot.
func sending(t *testing.T) *story {
	s := compacted(t)
	for id := engine.NodeID(1); id <= 3; id++ {
		cfg := engine.DefaultConfig(id)
		cfg.TickInterval, cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks, cfg.TrailingLogEntries = 1, 3, 5, 0
		s.Configured(id, cfg, 1)
	}
	require.NoError(t, s.step(1, nil))
	require.NoError(t, s.keeps(1, labelled(7, 2, 2), engine.Position{Term: 2, Index: 2}, true, func(st *engine.Status) {
		st.Base = engine.Position{Term: 2, Index: 2}
	}))
	require.NoError(t, s.offers(9, 1, 7))
	return s
}

// offers reports a Step in which n1 offers n2 a snapshot up to 2/2.
func (s *story) offers(transfer engine.TransferID, number engine.SendNumber, id uint64) error {
	return s.hears(1, 0, &engine.HeartbeatResponse{Term: 2, Number: number},
		to(2, &engine.SnapshotOffer{Term: 2, Number: number, Transfer: transfer, Snapshot: labelled(id, 2, 2)}))
}

// passes lets ticks pass at n1, in which n3 answers it and n2 does not.
func (s *story) passes(ticks int) (err error) {
	for i := 0; i < ticks && err == nil; i++ {
		answer := &engine.Incoming{From: peer(3), Message: &engine.HeartbeatResponse{Term: 2, Number: 1}}
		require.NoError(s.t, s.Stepped(1, answer, nil, s.status[1]))
		err = s.step(1, nil)
	}
	return err
}

// grows lets n1 append 2/3 "c", commit and apply it, and keep a snapshot up to there with the log after base.
func (s *story) grows(base engine.Position) error {
	require.NoError(s.t, s.appends(1, command(2, 3, "c")))
	require.NoError(s.t, s.appends(3, command(2, 2, "b"), command(2, 3, "c")))
	require.NoError(s.t, s.commits(1, 3, &engine.Apply{Entries: []engine.Entry{command(2, 3, "c")}}))
	return s.keeps(1, labelled(8, 2, 3), base, true, func(st *engine.Status) { st.Base = base })
}

func TestANewerSnapshotEndsNoTransfer(t *testing.T) {
	s := sending(t)
	require.NoError(t, s.grows(engine.Position{Term: 2, Index: 2}))
	require.NoError(t, s.passes(3))
	require.NoError(t, s.offers(9, 2, 7), "once more")
	require.NoError(t, s.passes(3))
	s.broken(s.offers(10, 3, 8), "transfers", "n1 offers n2 another snapshot before the one that it offered is here")
}

func TestNothingIsKeptForTheDead(t *testing.T) {
	s := sending(t)
	require.NoError(t, s.passes(55))
	s.broken(s.grows(engine.Position{Term: 2, Index: 2}), "transfers", "sends nobody one that lives")

	s = sending(t)
	require.NoError(t, s.passes(55))
	require.NoError(t, s.grows(engine.Position{Term: 2, Index: 3}))
	require.NoError(t, s.offers(10, 2, 8), "it lives again")

	s = sending(t)
	accepted := &engine.SnapshotOfferResponse{Term: 2, Number: 1, Transfer: 9, Verdict: engine.SnapshotAccepted}
	require.NoError(t, s.hears(1, 0, accepted, &engine.SendSnapshot{To: 2, Transfer: 9, Snapshot: labelled(7, 2, 2)}))
	s.broken(s.passes(55), "transfers", "n1 goes on sending n2 a snapshot, which has been silent for 53 ticks")
}

func TestWhoHoldsTheLogIsOfferedNothing(t *testing.T) {
	s := sending(t)
	require.NoError(t, s.hears(1, 0, &engine.AppendEntriesResponse{Term: 2, Number: 1, Accepted: true, Match: 2}))
	require.NoError(t, s.passes(3))
	s.broken(s.offers(9, 2, 7), "transfers", "n1 offers n2 a snapshot, which holds 2 and so all that the log after 2/2 follows")
}

func TestAnswersToOffers(t *testing.T) {
	// n1 follows n2 in term 1, and has committed 1/1 and 1/2.
	following := func(t *testing.T) *story {
		s := configured(t)
		require.NoError(t, s.appends(1, command(1, 2, "b")))
		require.NoError(t, s.step(1, func(st *engine.Status) { st.Leader = 2 }))
		return s
	}
	offer := func(at engine.Index) *engine.SnapshotOffer {
		label := labelled(7, 1, at)
		label.ConfigurationIndex = 1
		return &engine.SnapshotOffer{Term: 1, Number: 4, Transfer: 9, Snapshot: label}
	}
	held := func(match engine.Index) engine.Action {
		return to(2, &engine.SnapshotOfferResponse{Term: 1, Number: 4, Transfer: 9, Verdict: engine.SnapshotHeld, Match: match})
	}
	receive := func(at engine.Index) engine.Action {
		return &engine.ReceiveSnapshot{From: 2, Transfer: 9, Snapshot: labelled(7, 1, at)}
	}
	s := following(t)
	require.NoError(t, s.hears(1, 2, offer(5), receive(5)))

	s = following(t)
	s.broken(s.hears(1, 2, offer(2), held(0)), "offers", "n1 holds a snapshot up to 2, it says up to 0")
	s = following(t)
	require.NoError(t, s.hears(1, 2, offer(5), receive(5)))
	done := &engine.SnapshotReceived{Now: 3, Transfer: 9}
	s.broken(s.Stepped(1, done, []engine.Action{&engine.DiscardSnapshot{ID: 7}, held(0)}, s.status[1]), "offers", "n1 holds a snapshot up to 5")
}
