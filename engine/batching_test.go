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

// What is held came before the transfer: it is appended, and the target gets it before it is asked to campaign.
func TestHeldProposalsAreAppendedBeforeATransfer(t *testing.T) {
	a := leadingWithDelay(t, 5, 64)
	a.sync()
	last := a.log.lastIndex()
	a.accept(2, last)
	proposeAs(a, 1, "a")
	actions := a.transferTo(2)
	require.Equal(t, []*ProposalAccepted{{ID: 1, First: last + 1, Term: 2, Count: 1}}, pick[*ProposalAccepted](actions))
	require.Len(t, one[*AppendEntries](t, actions, 2).Entries, 1)
	require.Empty(t, sent[*TimeoutNow](actions, 0))
	require.Equal(t, []Action{&ProposalRejected{ID: 2, Reason: RejectBusy}}, proposeAs(a, 2, "b"))
	require.Len(t, sent[*TimeoutNow](a.accept(2, last+1), 2), 1)
}

// A transfer that is refused leaves what is held alone.
func TestHeldProposalsOutlastARefusedTransfer(t *testing.T) {
	a := leadingWithDelay(t, 5, 64)
	proposeAs(a, 1, "a")
	require.Equal(t, []Action{failed(TransferInvalidTarget)}, a.transferTo(9))
	require.Len(t, a.batch.held, 1)
}

// A leader that leaves takes proposals until its removal is committed; what is held then is in no log.
func TestHeldProposalsAreRedirectedWhenTheLeaderLeaves(t *testing.T) {
	a := leadingWithDelay(t, 5, 64)
	a.sync()
	a.accept(2, a.log.lastIndex())
	a.change(ConfigChange{Kind: ChangeRemove, Target: 1})
	last := a.log.lastIndex()
	require.Empty(t, proposeAs(a, 1, "a"))
	a.accept(2, last)
	require.Equal(t, Leader, a.Role(), "it counts itself nowhere")
	require.Equal(t, []*Redirect{{ID: 1}}, pick[*Redirect](a.accept(3, last)))
	require.Equal(t, Follower, a.Role())
	require.Equal(t, last, a.log.lastIndex())
}

func TestHeldProposalsAreAnsweredByALeaderThatStops(t *testing.T) {
	a := leadingWithDelay(t, 5, 64)
	proposeAs(a, 1, "a")
	actions := a.receive(2, &Heartbeat{Term: 2, Number: 1})
	require.Len(t, pick[*Fatal](actions), 1)
	require.Equal(t, []*Redirect{{ID: 1}}, pick[*Redirect](actions), "to nobody: this node knows no other leader")
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
