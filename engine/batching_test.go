package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// leadingWithDelay leads a cluster of three and holds proposals for the given ticks or until it has entries of them.
func leadingWithDelay(t *testing.T, ticks, entries int) *alone {
	t.Helper()
	return leading(t, func(cfg *Config) { cfg.MaxBatchDelayTicks, cfg.MaxBatchEntries = ticks, entries })
}

func proposeAs(a *alone, id ProposalID, commands ...string) []Action {
	batch := &ClientProposalBatch{ID: id}
	for _, c := range commands {
		batch.Commands = append(batch.Commands, []byte(c))
	}
	return a.step(batch)
}

func TestHeldProposalsAreAppendedTogetherWhenTheDelayIsOver(t *testing.T) {
	a := leadingWithDelay(t, 2, 64)
	last := a.log.lastIndex()
	require.Empty(t, proposeAs(a, 1, "a"))
	require.Empty(t, pick[*ProposalAccepted](a.step(&Tick{})), "one tick of two")
	require.Empty(t, proposeAs(a, 2, "b", "c"), "joins what waits and does not make it wait longer")
	require.Equal(t, last, a.log.lastIndex(), "nothing is appended while it is held")

	actions := a.step(&Tick{})
	require.Equal(t, []*ProposalAccepted{
		{ID: 1, First: last + 1, Term: 2, Count: 1}, {ID: 2, First: last + 2, Term: 2, Count: 2},
	}, pick[*ProposalAccepted](actions))
	require.Len(t, pick[*PersistLogEntries](actions), 1, "one write")
	require.Len(t, pick[*PersistLogEntries](actions)[0].Entries, 3)
	require.Len(t, one[*AppendEntries](t, actions, 2).Entries, 3, "one message a follower")

	require.Empty(t, proposeAs(a, 3, "d"))
	require.Empty(t, pick[*ProposalAccepted](a.step(&Tick{})), "the next batch has a delay of its own")
	require.Len(t, pick[*ProposalAccepted](a.step(&Tick{})), 1)
	require.Empty(t, pick[*ProposalAccepted](a.step(&Tick{})), "and each proposal is accepted once")
}

func TestFullBatchLeavesBeforeTheDelayIsOver(t *testing.T) {
	a := leadingWithDelay(t, 5, 3)
	require.Empty(t, proposeAs(a, 1, "a", "b"))
	actions := proposeAs(a, 2, "c", "d")
	require.Len(t, pick[*ProposalAccepted](actions), 2, "a proposal is never torn apart")
	require.Len(t, pick[*PersistLogEntries](actions)[0].Entries, 4)
}

func TestHeldProposalsAreRedirectedWhenLeadershipEnds(t *testing.T) {
	a := leadingWithDelay(t, 5, 64)
	last := a.log.lastIndex()
	proposeAs(a, 1, "a")
	proposeAs(a, 2, "b")
	require.Equal(t, []*Redirect{{ID: 1}, {ID: 2}}, pick[*Redirect](a.receive(2, &HeartbeatResponse{Term: 9})))
	require.Equal(t, last, a.log.lastIndex(), "they are certainly not applied")
	for range 10 {
		require.Empty(t, pick[*Redirect](a.step(&Tick{})), "each is answered once")
	}
}

func TestHeldProposalsCountAsUnapplied(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.MaxBatchDelayTicks, cfg.MaxBatchEntries, cfg.MaxUnappliedBytes = 9, 1000, 400 })
	for range 20 {
		proposeAs(a, 1, "x")
	}
	require.Equal(t, []Action{&ProposalRejected{ID: 2, Reason: RejectBusy}}, proposeAs(a, 2, "x"))
}

func TestHeldCommandsDoNotAliasTheHostsSlice(t *testing.T) {
	a := leadingWithDelay(t, 1, 64)
	commands := [][]byte{[]byte("a")}
	a.step(&ClientProposalBatch{ID: 1, Commands: commands})
	commands[0] = []byte("z")
	entries := pick[*PersistLogEntries](a.step(&Tick{}))[0].Entries
	require.Equal(t, "a", string(entries[0].Data))
}
