package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// read asks for a linearizable read.
func (a *alone) read(id ReadID) []Action {
	a.t.Helper()
	return a.step(&ProposeRead{Now: a.clock, ID: id})
}

// echoes answers a message with the given number on behalf of a peer.
func (a *alone) echoes(from Peer, number SendNumber) []Action {
	a.t.Helper()
	return a.step(&Incoming{Now: a.clock, From: from, Message: &HeartbeatResponse{Term: a.state.Term, Number: number}})
}

// leadingWith is leading with so many voters and learners, and the first entry of the term committed by everybody.
func leadingWith(t *testing.T, voters, learners int, change func(*Config)) *alone {
	t.Helper()
	a := newAlone(t, aloneOptions{voters: voters, learners: learners, state: HardState{Term: 1}, change: change})
	a.lead()
	a.sync()
	for id := 2; id <= voters+learners; id++ {
		a.accept(NodeID(id), 3)
	}
	require.Equal(t, Index(3), a.Status().Commit)
	return a
}

// changeTo appends a configuration entry with the given members, as a leader does.
func (a *alone) changeTo(kind ChangeKind, members ...Member) {
	a.t.Helper()
	c := Configuration{Change: kind, Membership: Membership{Members: members}}
	at := configurationAt{index: a.log.lastIndex() + 1, Configuration: c}
	a.appendOwn(Entry{Kind: EntryConfiguration, Data: c.Encode()}, at)
	a.trackFollowers()
	a.writes++ // the write belongs to no step
	a.sync()
}

func member(id NodeID, role MemberRole) Member {
	return Member{ID: id, Incarnation: peer(id).Incarnation, Role: role, Address: id.String() + ":1"}
}

func TestReadIsReadyWhenAMajorityAnswersItsRound(t *testing.T) {
	a := leadingWith(t, 5, 0, nil)
	actions := a.read(7)
	require.Len(t, sent[*Heartbeat](actions, 0), 4)
	round := one[*Heartbeat](t, actions, 2).Number
	require.Empty(t, pick[*ReadReady](a.echoes(peer(2), round)))
	require.Empty(t, pick[*ReadReady](a.echoes(peer(2), round+3)), "the same voter again")
	require.Equal(t, []*ReadReady{{ID: 7, Index: 3}}, pick[*ReadReady](a.echoes(peer(3), round+1)))
	require.Empty(t, a.echoes(peer(4), round+2), "once")
	require.Equal(t, Metrics{ReadIndexStarted: 1, ReadRounds: 1, ReadsCompleted: 1}, readMetrics(a))
}

// readMetrics returns the counters of reads alone.
func readMetrics(a *alone) Metrics {
	m := a.Metrics()
	return Metrics{ReadIndexStarted: m.ReadIndexStarted, ReadRounds: m.ReadRounds, ReadsCompleted: m.ReadsCompleted, ReadsFailed: m.ReadsFailed}
}

// The answer to the very last message before the read came is not enough.
func TestEarlierAnswersConfirmNoRead(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.tick(3)
	before := a.sendNumber
	a.read(7)
	require.Empty(t, pick[*ReadReady](a.echoes(peer(2), before)))
	require.Len(t, pick[*ReadReady](a.echoes(peer(2), before+1)), 1)
}

func TestWhoseAnswersConfirmNoRead(t *testing.T) {
	other := peer(2)
	other.Incarnation++
	for name, from := range map[string][]Peer{
		"learners":            {peer(4), peer(5)},
		"another incarnation": {other},
		"a stranger":          {peer(9)},
	} {
		t.Run(name, func(t *testing.T) {
			a := leadingWith(t, 3, 2, nil)
			a.read(7)
			for _, p := range from {
				require.Empty(t, pick[*ReadReady](a.echoes(p, a.sendNumber)))
			}
			require.Len(t, pick[*ReadReady](a.echoes(peer(3), a.sendNumber)), 1)
		})
	}
}

func TestReadRoundAsksVotersOnly(t *testing.T) {
	a := leadingWith(t, 3, 2, nil)
	actions := a.read(7)
	require.Len(t, sent[*Heartbeat](actions, 0), 2)
	require.Empty(t, sent[*Heartbeat](actions, 4))
}

// A disk that forgot entries may have forgotten a vote for another leader.
func TestMemberThatLostDataConfirmsNoRead(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.tick(3)
	lost := a.receive(2, &AppendEntriesResponse{Term: 2, Number: a.sendNumber, Conflict: Position{Index: 2}})
	require.Len(t, pick[*PeerLostData](lost), 1)
	a.read(7)
	require.Empty(t, a.echoes(peer(2), a.sendNumber))
	require.Len(t, pick[*ReadReady](a.echoes(peer(3), a.sendNumber)), 1)
}

// Until the entry that names a life of a member is committed, a later leader may count another life of it.
func TestMemberThatIsNotKnownToBeNamedConfirmsNoRead(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.changeTo(ChangeAddVoter, member(1, Voter), member(2, Voter), member(3, Voter), member(4, Voter))
	a.read(7)
	a.echoes(peer(2), a.sendNumber)
	require.Empty(t, a.echoes(peer(4), a.sendNumber), "three of four are needed, and n4 is named by 2/4")
	a.accept(2, 4)
	a.accept(3, 4)
	require.Equal(t, Index(4), a.Commit())
	require.Len(t, pick[*ReadReady](a.tick(3)), 1, "its answer counts now, and the next heartbeat looks again")
}

// A leader that leaves needs a majority of those who stay.
func TestLeaderThatLeavesDoesNotCountItself(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.changeTo(ChangeRemove, member(2, Voter), member(3, Voter))
	a.read(7)
	require.Empty(t, pick[*ReadReady](a.echoes(peer(2), a.sendNumber)), "one of two, and not two of three")
	require.Len(t, pick[*ReadReady](a.echoes(peer(3), a.sendNumber)), 1)
}

// The last one that could have answered is removed while reads wait.
func TestReadIsConfirmedWhenNobodyIsLeftToAsk(t *testing.T) {
	a := leadingWith(t, 2, 1, nil)
	require.Empty(t, pick[*ReadReady](a.read(7)))
	a.changeTo(ChangeRemove, member(1, Voter), member(3, Learner))
	require.Len(t, pick[*ReadReady](a.tick(3)), 1)
	require.Len(t, pick[*ReadReady](a.read(8)), 1)
}

func TestAnswerToWhatWasNeverSentConfirmsNothing(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	require.Empty(t, a.echoes(peer(2), a.sendNumber+100))
	a.read(7)
	require.Empty(t, pick[*ReadReady](a.echoes(peer(2), a.sendNumber+100)))
	require.Len(t, pick[*ReadReady](a.echoes(peer(2), a.sendNumber)), 1)
}

func TestSoleVoterReadsAtOnce(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 1, learners: 1, state: HardState{Term: 1}})
	a.campaign()
	require.Equal(t, []*ReadFailed{{ID: 6, Reason: ReadNotLeader}}, pick[*ReadFailed](a.read(6)))
	a.sync()
	require.Equal(t, []*ReadFailed{{ID: 7, Reason: ReadNotReady}}, pick[*ReadFailed](a.read(7)))
	a.sync()
	require.Equal(t, []*ReadReady{{ID: 8, Index: 3}}, pick[*ReadReady](a.read(8)))
	require.Zero(t, a.Metrics().ReadRounds)
}

// A broken cluster is no reason to leave a caller waiting.
func TestNodeThatStopsFailsItsReads(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.read(7)
	actions := a.receive(2, &Heartbeat{Term: 2, Number: 1})
	require.Equal(t, []*ReadFailed{{ID: 7, Reason: ReadSteppedDown}}, pick[*ReadFailed](actions))
	require.IsType(t, &Fatal{}, actions[len(actions)-1])
}

func TestReadsOfALeadershipDoNotReachTheNext(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.read(7)
	a.receive(2, &HeartbeatResponse{Term: 5})
	require.Equal(t, []*ReadFailed{{ID: 7, Reason: ReadSteppedDown}}, pick[*ReadFailed](a.last))
	a.sync()
	a.lead()
	a.sync()
	a.accept(2, 4)
	require.Empty(t, pick[*ReadReady](a.echoes(peer(2), a.sendNumber)))
	a.read(8)
	require.Equal(t, []*ReadReady{{ID: 8, Index: 4}}, pick[*ReadReady](a.echoes(peer(3), a.sendNumber)))
}

// A host hands over what it has as one read: for the metrics it says how many that were.
func TestReadsAreCountedAsTheHostCountsThem(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.step(&ProposeRead{Now: a.clock, ID: 1, Count: 30})
	a.echoes(peer(2), a.sendNumber)
	a.step(&ProposeRead{Now: a.clock, ID: 2, Count: 5})
	a.receive(2, &HeartbeatResponse{Term: 5})
	a.read(3)
	require.Equal(t, Metrics{ReadIndexStarted: 35, ReadRounds: 2, ReadsCompleted: 30, ReadsFailed: 6}, readMetrics(a))
}

// While a follower's disk is at work, every answer to a timed round sends a probe after it. Read rounds come as often as
// answers do, and send none.
func TestReadRoundsSendNoProbes(t *testing.T) {
	a := leadingWith(t, 3, 0, nil)
	a.propose("x")
	for id := range ReadID(20) {
		a.read(id)
		require.Empty(t, sent[*AppendEntries](a.echoes(peer(2), a.sendNumber), 0))
	}
	require.EqualValues(t, 20, a.Metrics().ReadRounds)
}

// However many reads wait, one more costs nothing but its place in the queue.
func TestWaitingReadsCostNoAllocation(t *testing.T) {
	cfg := func(c *Config) { c.Tracer = nil }
	a := leadingWith(t, 3, 0, cfg)
	event, answer := &ProposeRead{}, &HeartbeatResponse{Term: 2}
	incoming := &Incoming{From: peer(2), Message: answer}
	batch := func() {
		for range 1000 {
			event.ID++
			a.Step(event)
		}
		for range 2 {
			answer.Number = a.sendNumber
			a.Step(incoming)
		}
	}
	batch()
	heartbeats := 4.0 // two rounds of two
	require.LessOrEqual(t, testing.AllocsPerRun(20, batch), heartbeats)
	require.Zero(t, a.reads.queue.len())
}
