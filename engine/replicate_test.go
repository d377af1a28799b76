package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// leading returns a leader of term 2 in a cluster of three whose log up to 2/3 is held by n2, and by n3 too.
func leading(t *testing.T, change func(*Config)) *alone {
	t.Helper()
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}, change: change})
	a.lead()
	a.sync()
	a.accept(2, 3)
	a.accept(3, 3)
	require.Equal(t, Index(3), a.Status().Commit)
	return a
}

func (a *alone) propose(commands ...string) []Action {
	a.t.Helper()
	batch := &ClientProposalBatch{Now: a.clock, ID: 1}
	for _, c := range commands {
		batch.Commands = append(batch.Commands, []byte(c))
	}
	return a.step(batch)
}

func (a *alone) reject(from NodeID, number SendNumber, conflict Position) []Action {
	a.t.Helper()
	return a.receive(from, &AppendEntriesResponse{Term: a.state.Term, Number: number, Conflict: conflict})
}

func TestSendNumbersRise(t *testing.T) {
	a := leading(t, nil)
	last := map[NodeID]SendNumber{}
	for range 30 {
		actions := append(a.propose("x"), a.tick(1)...)
		for _, s := range pick[*Send](actions) {
			var number SendNumber
			switch m := s.Message.(type) {
			case *AppendEntries:
				number = m.Number
			case *Heartbeat:
				number = m.Number
			default:
			}
			require.Greater(t, number, last[s.To])
			last[s.To] = number
		}
		a.accept(2, a.log.lastIndex())
	}
}

func TestAppendsAreBounded(t *testing.T) {
	t.Run("entries", func(t *testing.T) {
		a := leading(t, func(cfg *Config) { cfg.MaxAppendEntries = 2 })
		sizes := []int{}
		for _, m := range sent[*AppendEntries](a.propose("a", "b", "c", "d", "e"), 2) {
			sizes = append(sizes, len(m.Entries))
		}
		require.Equal(t, []int{2, 2, 1}, sizes)
	})
	t.Run("bytes", func(t *testing.T) {
		a := leading(t, func(cfg *Config) { cfg.MaxAppendBytes = 2*EntryOverhead + 5 })
		sizes := []int{}
		for _, m := range sent[*AppendEntries](a.propose("aa", "bb", "cccccccc", "d"), 2) {
			sizes = append(sizes, len(m.Entries))
		}
		require.Equal(t, []int{2, 1, 1}, sizes, "one entry always fits")
	})
}

func TestWindowIsBounded(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.MaxAppendEntries, cfg.MaxInflightAppends = 1, 3 })
	require.Len(t, sent[*AppendEntries](a.propose("4", "5", "6", "7", "8"), 2), 3)
	require.Empty(t, sent[*AppendEntries](a.propose("9"), 2), "the window is full")
	actions := a.accept(2, 5)
	require.Len(t, sent[*AppendEntries](actions, 2), 2, "two places are free")
	require.Empty(t, sent[*AppendEntries](actions, 3), "n3's window is its own")
}

// TestLostWindowRecovers: every append of a full window is lost, and no proposal comes any more. The next
// heartbeat round finds out.
func TestLostWindowRecovers(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.MaxAppendEntries, cfg.MaxInflightAppends = 1, 2 })
	a.propose("4", "5", "6")
	beat := one[*Heartbeat](t, a.tick(3), 2)
	actions := a.receive(2, &HeartbeatResponse{Term: 2, Number: beat.Number})
	ask := one[*AppendEntries](t, actions, 2)
	require.Empty(t, ask.Entries)
	require.Equal(t, Position{Term: 2, Index: 5}, ask.Prev, "behind all that was sent")
	require.Empty(t, a.receive(2, &HeartbeatResponse{Term: 2, Number: beat.Number}), "it is asked once a round")

	actions = a.reject(2, ask.Number, Position{Index: 4})
	again := one[*AppendEntries](t, actions, 2)
	require.Equal(t, Position{Term: 2, Index: 3}, again.Prev)
	require.Equal(t, Index(4), again.Entries[0].Index)
	actions = a.accept(2, 4)
	require.Len(t, sent[*AppendEntries](actions, 2), 2, "and then the rest, in a window")
}

// TestStalledDiskIsNotFlooded: the follower has everything, only its disk does not answer. It gets one small
// question a round and none of its entries again.
func TestStalledDiskIsNotFlooded(t *testing.T) {
	a := leading(t, nil)
	a.propose("4", "5", "6")
	a.sync()
	var asked []*AppendEntries
	for range 5 {
		beat := one[*Heartbeat](t, a.tick(3), 2)
		asked = append(asked, sent[*AppendEntries](a.receive(2, &HeartbeatResponse{Term: 2, Number: beat.Number}), 2)...)
	}
	require.Len(t, asked, 5)
	for _, m := range asked {
		require.Empty(t, m.Entries)
		require.Equal(t, Index(6), m.Prev.Index)
	}
	require.Equal(t, "replicate", a.Status().Followers[0].State)
	a.accept(2, 6)
	require.Equal(t, Index(6), a.Status().Followers[0].Match)
}

func TestLostProbeIsRepeatedWithoutEntries(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.lead()
	for range 3 {
		beat := one[*Heartbeat](t, a.tick(3), 2)
		probe := one[*AppendEntries](t, a.receive(2, &HeartbeatResponse{Term: 2, Number: beat.Number}), 2)
		require.Empty(t, probe.Entries)
		require.Equal(t, Position{Term: 1, Index: 2}, probe.Prev)
	}
	entries := one[*AppendEntries](t, a.accept(2, 2), 2)
	require.Len(t, entries.Entries, 1, "the logs meet there: now the entries")
	require.Equal(t, "probe", a.Status().Followers[0].State, "still one append at a time, until entries arrive")
	a.accept(2, 3)
	require.Equal(t, "replicate", a.Status().Followers[0].State)
}

// TestStaleRejections: what was sent before the last step back, and duplicates of its answers, move nothing.
func TestStaleRejections(t *testing.T) {
	a := leading(t, nil)
	first := one[*AppendEntries](t, a.propose("4"), 2).Number
	second := one[*AppendEntries](t, a.propose("5"), 2).Number
	third := one[*AppendEntries](t, a.propose("6"), 2).Number
	require.Len(t, sent[*AppendEntries](a.reject(2, second, Position{Index: 4}), 2), 1)
	require.Empty(t, a.reject(2, third, Position{Index: 4}), "sent before the step back")
	require.Empty(t, a.reject(2, second, Position{Index: 4}), "a duplicate")
	require.Empty(t, a.reject(2, a.sendNumber+5, Position{Index: 4}), "of a message that was never sent")
	a.receive(2, &AppendEntriesResponse{Term: 2, Number: first, Accepted: true, Match: 4})
	require.Equal(t, Index(4), a.Status().Followers[0].Match, "what was acknowledged is never stale")
}

func TestAcknowledgementBeyondTheLogIsIgnored(t *testing.T) {
	a := leading(t, nil)
	require.Empty(t, a.accept(2, 99))
	require.Equal(t, Index(3), a.Status().Followers[0].Match)
}

func TestLostDataIsReportedAndNotCounted(t *testing.T) {
	a := leading(t, nil)
	number := one[*AppendEntries](t, a.propose("4"), 2).Number
	actions := a.reject(2, number, Position{Index: 2})
	require.Equal(t, []*PeerLostData{{Peer: peer(2), Match: 3, Claimed: Position{Index: 2}}}, pick[*PeerLostData](actions))
	require.Equal(t, "lost data", a.Status().Followers[0].State)
	a.accept(2, 4)
	require.Equal(t, Index(3), a.Status().Commit, "it does not count")
	a.sync()
	a.accept(3, 4)
	require.Equal(t, Index(4), a.Status().Commit, "the others do")
	require.NotEmpty(t, sent[*Heartbeat](a.tick(3), 2), "it still hears that there is a leader")
	require.Empty(t, sent[*AppendEntries](a.propose("5"), 2))
}

func TestAnswersOfAnotherIncarnationDoNotCount(t *testing.T) {
	a := leading(t, nil)
	a.propose("4")
	stranger := Peer{ID: 2, Incarnation: 999}
	a.step(&Incoming{From: stranger, Message: &AppendEntriesResponse{Term: 2, Number: a.sendNumber, Accepted: true, Match: 4}})
	require.Equal(t, Index(3), a.Status().Followers[0].Match)
	require.Empty(t, a.step(&Incoming{From: stranger, Message: &HeartbeatResponse{Term: 2, Number: a.sendNumber}}))
}

// Followers learn a new commit index at once, but are not flooded with it.
func TestCommitIsToldPromptly(t *testing.T) {
	a := leading(t, nil)
	a.receive(2, &HeartbeatResponse{Term: 2, Number: a.sendNumber})
	a.receive(3, &HeartbeatResponse{Term: 2, Number: a.sendNumber})
	a.propose("4")
	a.sync()
	told := one[*Heartbeat](t, a.accept(2, 4), 2)
	require.Equal(t, Index(4), told.Commit)

	a.propose("5")
	a.sync()
	require.Empty(t, sent[*Heartbeat](a.accept(2, 5), 2), "one is on its way")
	next := one[*Heartbeat](t, a.receive(2, &HeartbeatResponse{Term: 2, Number: told.Number}), 2)
	require.Equal(t, Index(5), next.Commit, "its answer brings the news that it missed")
}

func TestCommitTravelsWithAppends(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.MaxAppendEntries, cfg.MaxInflightAppends = 1, 1 })
	a.propose("4", "5")
	a.sync()
	actions := a.accept(2, 4)
	require.Equal(t, Index(4), one[*AppendEntries](t, actions, 2).Commit)
	require.Empty(t, sent[*Heartbeat](actions, 2), "the append told it")
}

func TestHeartbeatsTellNoMoreThanTheFollowerHolds(t *testing.T) {
	a := leading(t, nil)
	a.propose("4", "5")
	a.sync()
	a.accept(2, 5)
	actions := a.tick(3)
	require.Equal(t, Index(5), one[*Heartbeat](t, actions, 2).Commit)
	require.Equal(t, Index(3), one[*Heartbeat](t, actions, 3).Commit, "n3 is only known to hold 3")
}

func TestBacklogsConverge(t *testing.T) {
	for _, size := range []int{1, 2, 7, 64, 300} {
		c := newTrio(t, 3)
		leader := c.elect()
		away := c.node(leader.peer.ID%3 + 1)
		away.down = true
		for range size {
			c.propose(leader, "x")
			c.deliver()
		}
		away.down = false
		c.start(away, nil)
		for range 12 {
			c.tick()
		}
		require.Equal(t, leader.engine.log.all(), away.engine.log.all(), "backlog of %d", size)
		require.Equal(t, leader.engine.Status().Commit, away.engine.Status().Commit)
	}
}

// TestSharedAppendsKeepTheirNumbersMeaning: a message that is shared within a step is not given to a follower
// for which its number would tell a lie about what was sent before what.
func TestSharedAppendsKeepTheirNumbersMeaning(t *testing.T) {
	for name, news := range map[string]func(*progress){
		"nothing new":             func(*progress) {},
		"a later message":         func(p *progress) { p.sentNumber = 9 },
		"a later acknowledgement": func(p *progress) { p.matchNumber = 9 },
		"a step back":             func(p *progress) { p.rewindNumber = 9 },
	} {
		t.Run(name, func(t *testing.T) {
			a := leading(t, nil)
			p := a.followers[0]
			*p = progress{Member: p.Member, state: replicating, match: 3, next: 4}
			shared := &AppendEntries{Number: 9, Prev: Position{Term: 2, Index: 3}, Commit: a.commit}
			a.shared = sharedAppend{message: shared}
			news(p)
			m, _ := a.buildAppend(p)
			require.Equal(t, name == "nothing new", m == shared)
		})
	}
}

// TestRoundTripAboveTheHeartbeatInterval: an answer that arrives after the next round has begun still shows that an
// append before it was lost.
func TestRoundTripAboveTheHeartbeatInterval(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 1}})
	a.lead() // its appends are lost
	a.sync()
	var late []*Heartbeat // of the round before
	for range 10 * a.cfg.HeartbeatIntervalTicks {
		beats := sent[*Heartbeat](a.tick(1), 2)
		if len(beats) == 0 {
			continue
		}
		for _, beat := range late {
			actions := a.receive(2, &HeartbeatResponse{Term: a.state.Term, Number: beat.Number})
			if len(sent[*AppendEntries](actions, 2)) > 0 {
				return
			}
		}
		late = beats
	}
	require.Fail(t, "rounds were answered, and what was lost was not sent again", "%v", a.lines)
}

// TestFullWindowCostsNothing: a follower that is down is asked about at every proposal, and nothing is built for it.
func TestFullWindowCostsNothing(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"appends": func(c *Config) { c.MaxInflightAppends = 2 },
		"bytes":   func(c *Config) { c.MaxInflightBytes = 40 },
	} {
		t.Run(name, func(t *testing.T) {
			a := leading(t, change)
			a.sync()
			a.accept(2, 3)
			for range 10 {
				a.propose("twenty bytes of data")
			}
			p := a.follower(2)
			require.Less(t, p.next, a.log.lastIndex(), "its window is full")
			a.shared = sharedAppend{}
			require.Zero(t, testing.AllocsPerRun(100, func() { a.replicateTo(p) }))
		})
	}
}
