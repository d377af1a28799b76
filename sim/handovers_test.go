package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// TestACarelessHostWritesBehindWhatItWasHanded and nowhere else.
func TestACarelessHostWritesBehindWhatItWasHanded(t *testing.T) {
	log := make([]engine.Entry, 4)
	scribbleOn(&engine.Apply{Entries: log[1:2:2]})
	scribbleOn(&engine.Send{Message: &engine.AppendEntries{Entries: log[:1:1]}})
	require.Equal(t, make([]engine.Entry, 4), log)
	scribbleOn(&engine.PersistLogEntries{Entries: log[1:3:4]})
	require.Equal(t, []engine.Entry{{}, {}, {}, scribbled}, log)
}

// TestAMisconfiguredStartIsTried: some start of many finds a wrong configuration refused.
func TestAMisconfiguredStartIsTried(t *testing.T) {
	w := quiet(t, 3)
	w.over = false
	n := w.leader()
	cfg := engine.DefaultConfig(n.id)
	cfg.Incarnation, cfg.Random = n.incarnation, &chance{}
	for range 100 {
		n.life++
		w.misconfigure(n, cfg, engine.Recovered{})
	}
	require.NoError(t, w.err)
	require.Positive(t, w.counters.Faults[Misconfigured])
}

// TestWhatIsHeldUpComesInTheEnd and not before.
func TestWhatIsHeldUpComesInTheEnd(t *testing.T) {
	w := quiet(t, 3)
	leader := w.leader()
	other := w.nodes[leader.id%3]
	until := w.now + engine.Instant(4*tick)
	w.network.link(leader.id, other.id).heldBack = until
	arrived := w.network.link(leader.id, other.id).delivered
	w.network.link(leader.id, other.id).sent += 100 // to tell what comes from now on
	for w.now < until {
		require.LessOrEqual(t, w.network.link(leader.id, other.id).delivered, arrived+10)
		w.next()
	}
	require.True(t, w.until(answerBudget, "it comes", func() bool { return w.network.link(leader.id, other.id).delivered > arrived+100 }))
	require.NoError(t, w.err)
}
