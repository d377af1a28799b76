package engine

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

var errHost = errors.New("the host cannot")

// following is n1 behind n2 in term 3, with entries 1/3 2/4 2/5 of which the first four are committed and durable.
func following(t *testing.T) *alone {
	t.Helper()
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 2}, terms: []Term{1, 2, 2}, commit: 4})
	a.follow(2, 3)
	require.Equal(t, Index(4), a.handed)
	return a
}

// of returns the label of a snapshot at a position, with the members of the whole log.
func (a *alone) of(id uint64, at Position) SnapshotMeta {
	return SnapshotMeta{ID: id, Position: at, Membership: a.Membership(), ConfigurationIndex: 2, Size: 100}
}

func offer(number SendNumber, transfer TransferID, s SnapshotMeta) *SnapshotOffer {
	return &SnapshotOffer{Term: 3, Number: number, Transfer: transfer, Snapshot: s}
}

func TestOfferIsAcceptedWhenTheHostIsReady(t *testing.T) {
	a := following(t)
	s := a.of(7, Position{Term: 3, Index: 20})
	actions := a.receive(2, offer(5, 77, s))
	require.Equal(t, []Action{&ReceiveSnapshot{From: 2, Transfer: 77, Snapshot: s}}, actions, "the host knows how much of it is here")
	require.Empty(t, a.step(&SnapshotExpected{Transfer: 78, Offset: 40}), "of no transfer that we know")
	answer := one[*SnapshotOfferResponse](t, a.step(&SnapshotExpected{Transfer: 77, Offset: 40}), 2)
	require.Equal(t, &SnapshotOfferResponse{Term: 3, Number: 5, Transfer: 77, Verdict: SnapshotAccepted, Offset: 40}, answer)
	require.False(t, waits(t, a.last, 2), "it promises nothing")
}

func TestInstallReplacesTheWholeLog(t *testing.T) {
	a := following(t)
	s := a.of(7, Position{Term: 3, Index: 20})
	a.receive(2, offer(5, 77, s))
	actions := a.step(&SnapshotReceived{Transfer: 77})
	persist := pick[*PersistSnapshot](actions)
	require.Len(t, persist, 1)
	require.Equal(t, PersistSnapshot{Seq: a.writes, Snapshot: s, Base: s.Position}, *persist[0])
	answer := one[*SnapshotOfferResponse](t, actions, 2)
	require.Equal(t, &SnapshotOfferResponse{Term: 3, Number: 5, Transfer: 77, Verdict: SnapshotHeld, Match: 20}, answer)
	require.True(t, waits(t, actions, 2), "it is a promise")
	require.Empty(t, pick[*ApplySnapshot](actions), "not before it is durable")
	require.Equal(t, Index(4), a.Status().Durable, "what was committed is on the disk either way")
	require.Equal(t, Index(20), a.Status().Commit)

	// The machine works on what it was given before, and says so.
	a.step(&Applied{Index: 3})
	require.Equal(t, Index(3), a.Status().Applied)
	require.Equal(t, []Action{&ApplySnapshot{Snapshot: s}}, a.sync())
	a.step(&Applied{Index: 4})
	require.Equal(t, Index(4), a.Status().Applied)
	a.step(&Applied{Index: 20})
	require.Equal(t, Index(20), a.Status().Applied)
	require.Empty(t, a.step(&SnapshotReceived{Transfer: 77}), "once")
}

// Entries follow the snapshot, also while the switch to it is under way.
func TestEntriesFollowAnInstalledSnapshot(t *testing.T) {
	a := following(t)
	s := a.of(7, Position{Term: 3, Index: 20})
	a.receive(2, offer(5, 77, s))
	a.step(&SnapshotReceived{Transfer: 77})
	install := a.writes
	answer := one[*AppendEntriesResponse](t, a.receive(2, &AppendEntries{
		Term: 3, Number: 6, Prev: s.Position, Entries: entriesOf(21, 3, 3), Commit: 21,
	}), 2)
	require.Equal(t, Index(22), answer.Match)
	require.Empty(t, handed(a.last))
	actions := a.step(&Persisted{Seq: install})
	require.Equal(t, []Action{&ApplySnapshot{Snapshot: s}}, actions, "the entries are not durable yet")
	require.Equal(t, []Index{21}, handed(a.sync()))
	require.Equal(t, Index(22), a.Status().Durable)
}

func TestWhatIsNoNewsIsNotInstalled(t *testing.T) {
	t.Run("at commit", func(t *testing.T) {
		a := following(t)
		answer := one[*SnapshotOfferResponse](t, a.receive(2, offer(5, 77, a.of(7, Position{Term: 2, Index: 4}))), 2)
		require.Equal(t, SnapshotHeld, answer.Verdict)
		require.Equal(t, Index(4), answer.Match)
		require.True(t, waits(t, a.last, 2), "a match index is a promise")
		require.Empty(t, pick[*ReceiveSnapshot](a.last))
	})
	t.Run("below commit", func(t *testing.T) {
		a := following(t)
		answer := one[*SnapshotOfferResponse](t, a.receive(2, offer(5, 77, a.of(7, Position{Term: 1, Index: 3}))), 2)
		require.Equal(t, Index(4), answer.Match, "our commit index, not that of the snapshot")
	})
	t.Run("below a snapshot that the machine was not given yet", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 20})))
		a.step(&SnapshotReceived{Transfer: 77})
		answer := one[*SnapshotOfferResponse](t, a.receive(2, offer(6, 78, a.of(8, Position{Term: 3, Index: 15}))), 2)
		require.Equal(t, Index(20), answer.Match)
	})
	t.Run("an entry that is not known to be committed", func(t *testing.T) {
		a := following(t)
		answer := one[*SnapshotOfferResponse](t, a.receive(2, offer(5, 77, a.of(7, Position{Term: 2, Index: 5}))), 2)
		require.Equal(t, Index(5), answer.Match)
		require.Equal(t, Index(5), a.Status().Commit, "now it is known")
		require.Equal(t, []Index{5}, handed(a.last), "and the log is kept")
	})
	t.Run("by the time that it is here", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 6})))
		a.receive(2, &AppendEntries{Term: 3, Number: 6, Prev: Position{Term: 2, Index: 5}, Entries: entriesOf(6, 3)})
		actions := a.step(&SnapshotReceived{Transfer: 77})
		require.Equal(t, []*DiscardSnapshot{{ID: 7}}, pick[*DiscardSnapshot](actions))
		require.Equal(t, Index(6), one[*SnapshotOfferResponse](t, actions, 2).Match)
		require.Empty(t, pick[*PersistSnapshot](actions))
		require.Equal(t, Index(6), a.Status().Commit)
	})
	t.Run("because entries overtook it", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 6})))
		actions := a.receive(2, &AppendEntries{Term: 3, Number: 6, Prev: Position{Term: 2, Index: 5}, Entries: entriesOf(6, 3), Commit: 6})
		require.Equal(t, []*AbortSnapshot{{Transfer: 77}}, pick[*AbortSnapshot](actions))
		require.Empty(t, a.step(&SnapshotReceived{Transfer: 77}))
	})
}

func TestABoundaryOfAnotherTermReplacesTheLog(t *testing.T) {
	a := following(t)
	s := a.of(7, Position{Term: 3, Index: 5})
	a.receive(2, offer(5, 77, s))
	a.step(&SnapshotReceived{Transfer: 77})
	require.Equal(t, s.Position, a.Status().Base)
	require.Equal(t, s.Position, a.Status().Last)
}

func TestASnapshotAgainstACommittedEntryStopsTheNode(t *testing.T) {
	a := following(t)
	fatal := pick[*Fatal](a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 4}))))
	require.Len(t, fatal, 1)
	require.ErrorIs(t, fatal[0].Err, ErrCommittedConflict)
}

func TestMembershipOfTheLabelIsInForce(t *testing.T) {
	a := following(t)
	s := a.of(7, Position{Term: 3, Index: 20})
	s.Membership, _ = NewMembership(Member{ID: 2, Incarnation: 102, Role: Voter}, Member{ID: 1, Incarnation: 101, Role: Learner})
	s.ConfigurationIndex = 19
	a.receive(2, offer(5, 77, s))
	a.step(&SnapshotReceived{Transfer: 77})
	require.Equal(t, s.Membership, a.Membership())
	require.False(t, a.mayCampaign(), "a learner never does")
	a.sync()
	a.step(&Applied{Index: 20})
	a.receive(2, &AppendEntries{Term: 3, Number: 6, Prev: s.Position, Entries: entriesOf(21, 3), Commit: 21})
	a.sync()
	a.step(&Applied{Index: 21})
	require.Empty(t, pick[*Fatal](a.step(&SnapshotTaken{Snapshot: SnapshotMeta{
		ID: 8, Position: Position{Term: 3, Index: 21}, Membership: s.Membership, ConfigurationIndex: 19,
	}})), "a label carries on what it got from one")
}

func TestOffersThatNobodyFollows(t *testing.T) {
	s := func(a *alone) SnapshotMeta { return a.of(7, Position{Term: 3, Index: 20}) }
	t.Run("of an older term", func(t *testing.T) {
		a := following(t)
		m := offer(5, 77, s(a))
		m.Term, m.Snapshot.Position.Term = 2, 2
		require.Equal(t, &SnapshotOfferResponse{Term: 3, Transfer: 77, Verdict: SnapshotRefused},
			one[*SnapshotOfferResponse](t, a.receive(2, m), 2), "it has no number: numbers start again in each term")
	})
	t.Run("malformed", func(t *testing.T) {
		for name, damage := range map[string]func(*SnapshotOffer){
			"no term":       func(m *SnapshotOffer) { m.Term = 0 },
			"no transfer":   func(m *SnapshotOffer) { m.Transfer = 0 },
			"a later term":  func(m *SnapshotOffer) { m.Snapshot.Position.Term = 4 },
			"no membership": func(m *SnapshotOffer) { m.Snapshot.Membership = Membership{} },
		} {
			a := following(t)
			m := offer(5, 77, s(a))
			damage(m)
			require.Empty(t, a.receive(2, m), name)
		}
	})
	t.Run("overtaken by a later one", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(6, 78, s(a)))
		require.Empty(t, a.receive(2, offer(5, 77, s(a))))
		require.Len(t, sent[*SnapshotOfferResponse](a.step(&SnapshotExpected{Transfer: 78}), 2), 1)
	})
	t.Run("with a lower number of a later term", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(6, 78, s(a)))
		m := offer(1, 79, s(a))
		m.Term = 4
		actions := a.receive(3, m)
		require.Equal(t, []*AbortSnapshot{{Transfer: 78}}, pick[*AbortSnapshot](actions))
		require.Len(t, pick[*ReceiveSnapshot](actions), 1)
	})
}

func TestTwoSnapshotsNeverMix(t *testing.T) {
	a := following(t)
	first, second := a.of(7, Position{Term: 3, Index: 20}), a.of(8, Position{Term: 3, Index: 30})
	a.receive(2, offer(5, 77, first))
	actions := a.receive(2, offer(6, 78, second))
	require.Equal(t, []Action{&AbortSnapshot{Transfer: 77}, &ReceiveSnapshot{From: 2, Transfer: 78, Snapshot: second}}, actions)
	require.Empty(t, a.step(&SnapshotReceived{Transfer: 77}), "the host was told before it said so")
	a.step(&SnapshotReceived{Transfer: 78})
	require.Equal(t, second.Position, a.Status().Snapshot)
}

func TestOnlyFollowersInstall(t *testing.T) {
	t.Run("a new term", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 20})))
		actions := a.receive(3, &Heartbeat{Term: 4, Number: 1})
		require.Equal(t, []*AbortSnapshot{{Transfer: 77}}, pick[*AbortSnapshot](actions))
		require.Empty(t, a.step(&SnapshotReceived{Transfer: 77}))
	})
	t.Run("a campaign", func(t *testing.T) {
		a := following(t)
		a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 20})))
		a.awaitCampaign()
		require.Equal(t, []*AbortSnapshot{{Transfer: 77}}, pick[*AbortSnapshot](a.last))
		require.Empty(t, a.step(&SnapshotReceived{Transfer: 77}))
		require.Zero(t, a.Status().Snapshot)
	})
}

func TestWhatTheHostCannotReceiveIsRefused(t *testing.T) {
	a := following(t)
	a.receive(2, offer(5, 77, a.of(7, Position{Term: 3, Index: 20})))
	answer := one[*SnapshotOfferResponse](t, a.step(&SnapshotReceived{Transfer: 77, Err: errHost}), 2)
	require.Equal(t, &SnapshotOfferResponse{Term: 3, Number: 5, Transfer: 77, Verdict: SnapshotRefused}, answer)
	require.Empty(t, a.step(&SnapshotReceived{Transfer: 77}), "it is over")
}

// What was handed out before an install does not count against what may be handed out after it.
func TestTheApplyWindowBeginsAnewBehindASnapshot(t *testing.T) {
	a := newAlone(t, aloneOptions{
		voters: 3, state: HardState{Term: 2}, terms: []Term{1, 2, 2}, commit: 4,
		change: func(cfg *Config) { cfg.MaxApplyBytes = 1 },
	})
	a.follow(2, 3)
	s := a.of(7, Position{Term: 3, Index: 20})
	a.receive(2, offer(5, 77, s))
	a.step(&SnapshotReceived{Transfer: 77})
	a.receive(2, &AppendEntries{Term: 3, Number: 6, Prev: s.Position, Entries: entriesOf(21, 3), Commit: 21})
	a.sync()
	require.Len(t, pick[*ApplySnapshot](a.last), 1)
	require.Equal(t, []Index{21}, handed(a.last))
	require.Empty(t, a.step(&Applied{Index: 20}))
	require.Equal(t, Index(20), a.Status().Applied)
}

// A snapshot of our own that was captured before one was installed is of no use any more.
func TestACaptureFromBeforeAnInstallIsDiscarded(t *testing.T) {
	a := following(t)
	own := a.label(6, 4)
	s := a.of(7, Position{Term: 3, Index: 20})
	a.receive(2, offer(5, 77, s))
	a.step(&SnapshotReceived{Transfer: 77})
	require.Equal(t, []Action{&DiscardSnapshot{ID: 6}}, a.step(&SnapshotTaken{Snapshot: own}))
	require.Equal(t, []uint64{7}, a.SnapshotsInUse())
}
