package engine

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProposalsAreRedirected(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	propose := &ClientProposal{ID: 5, Command: []byte("x")}
	require.Equal(t, []Action{&Redirect{ID: 5}}, a.step(propose), "no leader known")
	a.follow(2, 3)
	require.Equal(t, []Action{&Redirect{ID: 5, Leader: 2, Address: "n2:1"}}, a.step(propose))
	a.awaitCampaign()
	require.Equal(t, []Action{&Redirect{ID: 5}}, a.step(propose), "who campaigns knows no leader")
	require.Equal(t, Index(2), a.Status().Last.Index, "nothing is appended")
}

func TestBatchesAreConsecutive(t *testing.T) {
	a := leading(t, nil)
	actions := a.propose("a", "b", "c")
	require.Equal(t, ProposalAccepted{ID: 1, First: 4, Term: 2, Count: 3}, *pick[*ProposalAccepted](actions)[0])
	entries := pick[*PersistLogEntries](actions)[0].Entries
	require.Len(t, entries, 3)
	for i, command := range []string{"a", "b", "c"} {
		require.Equal(t, Entry{Term: 2, Index: Index(4 + i), Kind: EntryCommand, Data: []byte(command)}, entries[i])
	}
	require.Equal(t, []Action{&ProposalAccepted{ID: 1, First: 7, Term: 2}}, a.propose(), "an empty batch is accepted and is nothing")
}

func TestTooLargeCommandsRefuseTheWholeBatch(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.MaxCommandBytes = 3 })
	require.Equal(t, []Action{&ProposalRejected{ID: 1, Reason: RejectTooLarge}}, a.propose("abc", "abcd"))
	require.NotEmpty(t, pick[*ProposalAccepted](a.propose("abc")))
}

func TestBusyLeaderRefuses(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.MaxUnappliedBytes = 400 })
	for range 20 {
		a.propose("x")
	}
	require.Equal(t, []Action{&ProposalRejected{ID: 1, Reason: RejectBusy}}, a.propose("x"))
	a.sync()
	a.accept(2, a.log.lastIndex())
	a.step(&Applied{Index: a.handed})
	require.NotEmpty(t, pick[*ProposalAccepted](a.propose("x")), "it goes on when the state machine has caught up")
}

func TestFollowerBehindWithApplyingTakesNoEntries(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}, change: func(cfg *Config) { cfg.MaxUnappliedBytes = 500 }})
	for index := Index(3); index < 30 && !a.tooMuchUnapplied(); index++ {
		prev := a.log.last()
		a.receive(2, &AppendEntries{Term: 3, Number: 1, Prev: prev, Entries: entriesOf(index, 3), Commit: prev.Index})
		a.sync()
	}
	last := a.log.last()
	more := &AppendEntries{Term: 3, Number: 2, Prev: last, Entries: entriesOf(last.Index+1, 3), Commit: last.Index}
	require.Empty(t, a.receive(2, more), "as if it was lost: the leader finds out and tries again")
	require.Len(t, a.receive(2, &Heartbeat{Term: 3, Number: 3}), 1, "heartbeats are answered")
	require.True(t, one[*AppendEntriesResponse](t, a.receive(2, &AppendEntries{Term: 3, Number: 4, Prev: last}), 2).Accepted)
	a.step(&Applied{Index: a.handed})
	require.True(t, one[*AppendEntriesResponse](t, a.receive(2, more), 2).Accepted)
}

func TestUncommittedEntriesDoNotStopAFollower(t *testing.T) {
	// Taking more may be what commits them.
	a := newAlone(t, aloneOptions{
		voters: 3, state: HardState{Term: 3}, terms: slices.Repeat([]Term{2}, 50),
		change: func(cfg *Config) { cfg.MaxUnappliedBytes = 100 },
	})
	actions := a.receive(2, &AppendEntries{Term: 3, Number: 1, Prev: Position{Term: 2, Index: 52}, Entries: entriesOf(53, 3)})
	require.True(t, one[*AppendEntriesResponse](t, actions, 2).Accepted)
}
