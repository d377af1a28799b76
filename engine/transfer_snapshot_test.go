package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// offering is a leader with a snapshot at 2/9 and nothing below it, that has just offered it to n2.
func offering(t *testing.T, change func(*Config)) (*alone, *SnapshotOffer) {
	t.Helper()
	a := leading(t, func(cfg *Config) {
		cfg.TrailingLogEntries = 0
		if change != nil {
			change(cfg)
		}
	})
	for range 6 {
		a.propose("x")
	}
	a.sync()
	a.accept(3, 9)
	a.applyAll()
	a.step(&SnapshotTaken{Snapshot: a.label(7, 9)})
	a.sync()
	actions := a.reject(2, a.sendNumber, Position{Index: 4})
	m := one[*SnapshotOffer](t, actions, 2)
	require.Equal(t, uint64(7), m.Snapshot.ID)
	require.NotZero(t, m.Transfer)
	return a, m
}

// answer gives the leader what n2 says to an offer.
func (a *alone) answerOffer(m *SnapshotOffer, verdict SnapshotVerdict, offset uint64, match Index) []Action {
	a.t.Helper()
	return a.receive(2, &SnapshotOfferResponse{
		Term: a.state.Term, Number: m.Number, Transfer: m.Transfer, Verdict: verdict, Offset: offset, Match: match,
	})
}

// alive lets n heartbeat rounds be answered by both followers, and returns what n2 was offered.
func (a *alone) alive(ticks int) []*SnapshotOffer {
	a.t.Helper()
	var offers []*SnapshotOffer
	for range ticks {
		for _, send := range pick[*Send](a.tick(1)) {
			if m, ok := send.Message.(*Heartbeat); ok && send.To <= 3 {
				a.receive(send.To, &HeartbeatResponse{Term: a.state.Term, Number: m.Number})
				offers = append(offers, sent[*SnapshotOffer](a.last, 2)...)
			}
		}
	}
	return offers
}

func TestAcceptedOfferIsSentOnce(t *testing.T) {
	a, m := offering(t, nil)
	require.Empty(t, a.answerOffer(m, SnapshotAccepted, 101, 0), "it has no such byte")
	other := *m
	other.Transfer++
	require.Empty(t, a.answerOffer(&other, SnapshotAccepted, 40, 0), "of another transfer")
	actions := a.answerOffer(m, SnapshotAccepted, 40, 0)
	require.Equal(t, []Action{&SendSnapshot{To: 2, Transfer: m.Transfer, Snapshot: m.Snapshot, Offset: 40}}, actions)
	require.Empty(t, a.answerOffer(m, SnapshotAccepted, 40, 0), "repeated by the network")
	require.Empty(t, a.alive(60), "the host will say how it ends")
}

// A snapshot that was sent whole and did not arrive whole is verified before it is sent again, to whomever, until somebody
// holds it: otherwise a file that is damaged would be sent for ever.
func TestASnapshotThatNobodyTakesIsVerified(t *testing.T) {
	a, m := offering(t, nil)
	send := func() *SendSnapshot {
		sends := pick[*SendSnapshot](a.answerOffer(m, SnapshotAccepted, 0, 0))
		require.Len(t, sends, 1)
		return sends[0]
	}
	again := func() {
		offers := a.alive(30)
		require.NotEmpty(t, offers)
		m = offers[len(offers)-1]
	}
	require.False(t, send().Verify)
	a.step(&SnapshotSendResult{Transfer: m.Transfer})
	a.answerOffer(m, SnapshotRefused, 0, 0)
	again()
	require.True(t, send().Verify)
	a.step(&SnapshotSendResult{Transfer: m.Transfer, Err: errHost, Unreadable: true})
	first := m.Transfer
	again()
	require.NotEqual(t, first, m.Transfer)
	require.True(t, send().Verify, "another transfer of the same snapshot")
	a.step(&SnapshotSendResult{Transfer: m.Transfer})
	a.answerOffer(m, SnapshotHeld, 0, 9)
	require.Zero(t, a.doubted, "it is whole")
}

func TestFailuresAreFollowedByARest(t *testing.T) {
	for name, fail := range map[string]func(*alone, *SnapshotOffer){
		"lost":    func(*alone, *SnapshotOffer) {},
		"refused": func(a *alone, m *SnapshotOffer) { a.answerOffer(m, SnapshotRefused, 0, 0) },
		"not sent": func(a *alone, m *SnapshotOffer) {
			a.answerOffer(m, SnapshotAccepted, 0, 0)
			a.step(&SnapshotSendResult{Transfer: m.Transfer, Err: errHost})
		},
		"not sent, after a long time": func(a *alone, m *SnapshotOffer) {
			a.answerOffer(m, SnapshotAccepted, 0, 0)
			a.alive(3 * a.cfg.ElectionTimeoutMinTicks)
			a.step(&SnapshotSendResult{Transfer: m.Transfer, Err: errHost})
		},
		"sent and not installed": func(a *alone, m *SnapshotOffer) {
			a.answerOffer(m, SnapshotAccepted, 0, 0)
			a.step(&SnapshotSendResult{Transfer: m.Transfer})
		},
		"sent and refused": func(a *alone, m *SnapshotOffer) {
			a.answerOffer(m, SnapshotAccepted, 0, 0)
			a.step(&SnapshotSendResult{Transfer: m.Transfer})
			a.answerOffer(m, SnapshotRefused, 0, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, m := offering(t, nil)
			fail(a, m)
			offers := a.alive(a.cfg.ElectionTimeoutMinTicks - 1)
			require.Empty(t, offers, "not before an election timeout has passed, however alive it is")
			offers = a.alive(3)
			require.Len(t, offers, 1)
			require.Equal(t, m.Transfer, offers[0].Transfer, "the transfer goes on")
		})
	}
}

func TestNothingIsOfferedToTheSilent(t *testing.T) {
	a, _ := offering(t, nil)
	for range 40 {
		for _, send := range pick[*Send](a.tick(1)) {
			if m, ok := send.Message.(*Heartbeat); ok && send.To == 3 {
				a.receive(3, &HeartbeatResponse{Term: a.state.Term, Number: m.Number})
				require.Empty(t, sent[*SnapshotOffer](a.last, 2))
			}
		}
	}
}

func TestHeldIsAnAcknowledgement(t *testing.T) {
	a, m := offering(t, nil)
	require.Empty(t, a.answerOffer(m, SnapshotHeld, 0, 99), "beyond our log")
	a.propose("y")
	a.sync()
	actions := a.answerOffer(m, SnapshotHeld, 0, 9)
	require.Equal(t, Position{Term: 2, Index: 9}, one[*AppendEntries](t, actions, 2).Prev)
	require.Equal(t, "replicate", a.Status().Followers[0].State)
	require.Equal(t, Index(9), a.Status().Followers[0].Match)
	a.accept(2, 10)
	require.Equal(t, Index(10), a.Status().Commit, "it counts")
}

func TestOnlyTheMemberItselfAnswers(t *testing.T) {
	a, m := offering(t, nil)
	answer := &SnapshotOfferResponse{Term: a.state.Term, Number: m.Number, Transfer: m.Transfer, Verdict: SnapshotHeld, Match: 9}
	a.step(&Incoming{From: Peer{ID: 2, Incarnation: 999}, Message: answer})
	require.Equal(t, "snapshot", a.Status().Followers[0].State, "another incarnation")
	answer.Number = 0
	a.step(&Incoming{From: peer(2), Message: answer})
	require.Equal(t, "snapshot", a.Status().Followers[0].State, "the answer to another term")
}

func TestTransfersEndWithTheirFollowerAndLeader(t *testing.T) {
	sending := func(t *testing.T) (*alone, *SnapshotOffer) {
		a, m := offering(t, nil)
		a.answerOffer(m, SnapshotAccepted, 0, 0)
		return a, m
	}
	t.Run("a later term", func(t *testing.T) {
		a, m := sending(t)
		actions := a.receive(3, &Heartbeat{Term: 9, Number: 1})
		require.Equal(t, []*AbortSnapshot{{Transfer: m.Transfer}}, pick[*AbortSnapshot](actions))
		require.Empty(t, a.step(&SnapshotSendResult{Transfer: m.Transfer}))
	})
	t.Run("the member is gone", func(t *testing.T) {
		a, m := sending(t)
		require.IsType(t, &ConfigChangeAccepted{}, a.change(ConfigChange{Kind: ChangeRemove, Target: 2}))
		require.Empty(t, pick[*AbortSnapshot](a.last), "not before that is committed")
		a.sync()
		actions := a.accept(3, a.log.lastIndex())
		require.Equal(t, []*AbortSnapshot{{Transfer: m.Transfer}}, pick[*AbortSnapshot](actions))
		require.Nil(t, a.follower(2))
	})
	t.Run("others stay", func(t *testing.T) {
		a, _ := sending(t)
		a.out.reset()
		a.trackFollowers()
		require.Empty(t, a.out.actions)
		require.NotNil(t, a.follower(2).transfer)
	})
	t.Run("entries caught it up", func(t *testing.T) {
		a, m := sending(t)
		actions := a.accept(2, 9)
		require.Equal(t, []*AbortSnapshot{{Transfer: m.Transfer}}, pick[*AbortSnapshot](actions))
		require.Equal(t, "replicate", a.Status().Followers[0].State)
	})
	t.Run("it lost data", func(t *testing.T) {
		a, m := sending(t)
		actions := a.reject(2, a.sendNumber, Position{Index: 2})
		require.Len(t, pick[*PeerLostData](actions), 1)
		require.Equal(t, []*AbortSnapshot{{Transfer: m.Transfer}}, pick[*AbortSnapshot](actions))
		require.Empty(t, a.alive(30))
	})
	t.Run("silence of a learner", func(t *testing.T) {
		a := newAlone(t, aloneOptions{voters: 3, learners: 1, state: HardState{Term: 1}, change: func(cfg *Config) { cfg.TrailingLogEntries = 0 }})
		a.lead()
		a.sync()
		a.accept(2, 3)
		a.applyAll()
		a.step(&SnapshotTaken{Snapshot: a.label(7, 3)})
		a.sync()
		beat := one[*Heartbeat](t, a.tick(a.cfg.HeartbeatIntervalTicks), 4)
		m := one[*SnapshotOffer](t, a.receive(4, &HeartbeatResponse{Term: 2, Number: beat.Number}), 4)
		a.receive(4, &SnapshotOfferResponse{Term: 2, Number: m.Number, Transfer: m.Transfer, Verdict: SnapshotAccepted})
		require.NotNil(t, a.follower(4).transfer)
		a.alive(10*a.cfg.ElectionTimeoutMaxTicks + 1) // of the voters
		require.Nil(t, a.follower(4).transfer, "learners are waited for no longer than voters")
	})
	t.Run("silence", func(t *testing.T) {
		a, m := sending(t)
		for range 10*a.cfg.ElectionTimeoutMaxTicks + 1 {
			require.Empty(t, pick[*AbortSnapshot](a.last))
			for _, beat := range sent[*Heartbeat](a.tick(1), 3) {
				last := a.last
				a.receive(3, &HeartbeatResponse{Term: a.state.Term, Number: beat.Number})
				a.last = last
			}
		}
		require.Equal(t, []*AbortSnapshot{{Transfer: m.Transfer}}, pick[*AbortSnapshot](a.last))
	})
}

func TestTheLogBehindATransferStays(t *testing.T) {
	a, m := offering(t, nil)
	grow := func() {
		a.propose("x")
		a.sync()
		a.accept(3, a.log.lastIndex())
		a.applyAll()
		a.step(&SnapshotTaken{Snapshot: a.label(uint64(a.applied), a.applied)})
		a.sync()
	}
	grow()
	grow()
	require.Equal(t, Index(9), a.Status().Base.Index)
	require.Equal(t, []uint64{7, 11}, a.SnapshotsInUse())
	a.answerOffer(m, SnapshotHeld, 0, 9)
	require.Equal(t, []uint64{11}, a.SnapshotsInUse())
	grow()
	require.Equal(t, Index(9), a.Status().Base.Index, "it has the snapshot, and not yet what follows")
	a.accept(2, 11)
	grow()
	require.Equal(t, Index(11), a.Status().Base.Index)
	a.accept(2, 13)
	grow()
	require.Equal(t, Index(13), a.Status().Base.Index, "14 is on its way")
	a.accept(2, 14)
	grow()
	a.propose("x")
	a.sync()
	a.accept(3, 16)
	a.accept(2, 16)
	a.applyAll()
	a.step(&SnapshotTaken{Snapshot: a.label(16, 16)})
	grow()
	require.Equal(t, Index(17), a.Status().Base.Index, "it has caught up: nothing is kept for it any more")
}

func TestWhatIsKeptForAFollowerIsBounded(t *testing.T) {
	size := Entry{Data: []byte("x")}.Size()
	a, m := offering(t, func(cfg *Config) { cfg.MaxPinnedBytes = 2 * size })
	a.answerOffer(m, SnapshotAccepted, 0, 0)
	for index := Index(10); index <= 12; index++ {
		require.Equal(t, Index(9), a.Status().Base.Index)
		a.propose("x")
		a.sync()
		a.accept(3, index)
		a.applyAll()
		a.step(&SnapshotTaken{Snapshot: a.label(uint64(index), index)})
	}
	require.Equal(t, Index(12), a.Status().Base.Index)
	require.Equal(t, []*AbortSnapshot{{Transfer: m.Transfer}}, pick[*AbortSnapshot](a.last), "it would bring n2 to where no entries go on")
	a.sync()
	a.answerOffer(m, SnapshotHeld, 0, 9) // it had just installed it
	require.Equal(t, FollowerStatus{ID: 2, Match: 9, Next: 10, State: "snapshot"}, a.Status().Followers[0])
	offers := a.alive(12)
	require.Len(t, offers, 1)
	require.Equal(t, uint64(12), offers[0].Snapshot.ID)
	require.NotEqual(t, m.Transfer, offers[0].Transfer)
}

// TestALateAnswerEndsNoLaterTransfer: the follower has installed a snapshot that the leader had given up, because the log behind
// it is gone. By the time that the leader hears of it the next one is on its way.
func TestALateAnswerEndsNoLaterTransfer(t *testing.T) {
	a, first := offering(t, func(cfg *Config) { cfg.MaxPinnedBytes = 0 })
	a.propose("x")
	a.sync()
	a.accept(3, 10)
	a.applyAll()
	a.step(&SnapshotTaken{Snapshot: a.label(10, 10)})
	a.sync()
	require.Equal(t, Index(10), a.Status().Base.Index)
	offers := a.alive(12)
	require.NotEmpty(t, offers)
	second := offers[len(offers)-1]
	require.Equal(t, uint64(10), second.Snapshot.ID)
	require.Empty(t, a.answerOffer(first, SnapshotHeld, 0, 9))
	require.Len(t, pick[*SendSnapshot](a.answerOffer(second, SnapshotAccepted, 0, 0)), 1)
	a.doubted = second.Snapshot.ID
	require.Empty(t, a.answerOffer(first, SnapshotHeld, 0, 9), "it goes on")
	require.Equal(t, second.Snapshot.ID, a.doubted, "nobody has said that this one is whole")
	actions := a.answerOffer(second, SnapshotHeld, 0, 10)
	require.Len(t, pick[*AbortSnapshot](actions), 1)
	require.Equal(t, "replicate", a.Status().Followers[0].State)
}

// TestAnArbitraryFollowerStaysInTheDrawing lets a follower say anything, hosts do anything and the leader compact, and
// holds every change of its state against the drawing at progress. What a follower that keeps the rules does is held
// by TestProgressAgainstItsStateMachine.
func TestAnArbitraryFollowerStaysInTheDrawing(t *testing.T) {
	drawn := map[string][]string{
		"probe":     {"probe", "replicate", "snapshot", "lost data"},
		"replicate": {"replicate", "probe", "snapshot", "lost data"},
		"snapshot":  {"snapshot", "replicate", "lost data"},
		"lost data": {"lost data"},
	}
	seen := map[string]bool{}
	unseen := func() string {
		for from, all := range drawn {
			for _, to := range all {
				if change := from + " to " + to; !seen[change] && to != "lost data" {
					return change
				}
			}
		}
		return ""
	}
	for range 20 { // once is enough, nearly always
		rapid.Check(t, func(rt *rapid.T) { walkProgress(t, rt, drawn, seen) })
		if unseen() == "" {
			return
		}
	}
	require.Empty(t, unseen(), "drawn and never seen")
}

func walkProgress(t *testing.T, rt *rapid.T, drawn map[string][]string, seen map[string]bool) {
	t.Helper()
	a := leading(t, func(cfg *Config) {
		cfg.TrailingLogEntries = rapid.IntRange(0, 3).Draw(rt, "trailing")
		cfg.MaxInflightAppends = rapid.IntRange(1, 3).Draw(rt, "window")
		cfg.MaxPinnedBytes = rapid.SampledFrom([]int{0, 60, 1000}).Draw(rt, "pinned")
	})
	transfers := []TransferID{1}
	for range rapid.IntRange(1, 60).Draw(rt, "steps") {
		before := a.Status().Followers[0].State
		a.disturb(rt, &transfers)
		if a.role != Leader {
			return
		}
		after := a.Status().Followers[0].State
		require.Contains(rt, drawn[before], after)
		seen[before+" to "+after] = true
	}
}

// disturb gives the leader one event that n2, the hosts or a client can cause.
func (a *alone) disturb(t *rapid.T, transfers *[]TransferID) {
	index := func(name string) Index { return Index(rapid.Uint64Range(0, uint64(a.log.lastIndex())+1).Draw(t, name)) }
	number := SendNumber(rapid.Uint64Range(1, uint64(a.sendNumber)).Draw(t, "number"))
	transfer := rapid.SampledFrom(*transfers).Draw(t, "transfer")
	var err error
	if rapid.Bool().Draw(t, "fails") {
		err = errHost
	}
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		for range rapid.IntRange(1, 5).Draw(t, "proposals") {
			a.propose("x")
		}
		a.sync()
		a.accept(3, a.log.lastIndex())
		a.applyAll()
	case 1:
		if at := max(index("snapshot"), a.applied-min(a.applied, 2)); at > a.snapshot.Position.Index && at <= a.applied {
			a.step(&SnapshotTaken{Snapshot: a.label(uint64(a.writes)+1, at)})
		}
	case 2, 3, 9:
		a.receive(2, &AppendEntriesResponse{Term: a.state.Term, Number: number, Accepted: true, Match: index("match")})
	case 4:
		a.receive(2, &AppendEntriesResponse{Term: a.state.Term, Number: a.sendNumber, Conflict: Position{Index: index("end")}})
	case 5:
		a.receive(2, &SnapshotOfferResponse{
			Term: a.state.Term, Number: number, Transfer: transfer, Verdict: SnapshotVerdict(rapid.IntRange(1, 3).Draw(t, "verdict")),
			Match: index("held"), Offset: rapid.Uint64Range(0, 101).Draw(t, "offset"),
		})
	case 6:
		a.step(&SnapshotSendResult{Transfer: transfer, Err: err, Unreadable: err != nil && rapid.Bool().Draw(t, "unreadable")})
	default:
		for _, m := range a.alive(rapid.IntRange(1, 12).Draw(t, "ticks")) {
			*transfers = append(*transfers, m.Transfer)
		}
	}
	for _, m := range sent[*SnapshotOffer](a.last, 2) {
		*transfers = append(*transfers, m.Transfer)
	}
}
