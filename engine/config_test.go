package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigNamesEveryProblem(t *testing.T) {
	err := Config{}.Validate()
	require.ErrorIs(t, err, ErrInvalidConfig)
	for _, field := range []string{
		"ID", "Incarnation", "TickInterval", "HeartbeatIntervalTicks", "ElectionTimeoutMinTicks", "ElectionTimeoutMaxTicks",
		"MaxAppendEntries", "MaxAppendBytes", "MaxInflightAppends", "MaxInflightBytes", "MaxApplyEntries", "MaxApplyBytes",
		"MaxUnappliedBytes", "MaxCommandBytes", "Random",
	} {
		require.ErrorContains(t, err, field)
	}
	err = Config{
		SnapshotHintEntries: -1, SnapshotHintBytes: -1, MaxLogEntries: -1, TrailingLogEntries: -1, TrailingLogBytes: -1, MaxPinnedBytes: -1,
	}.Validate()
	for _, field := range []string{
		"SnapshotHintEntries", "SnapshotHintBytes", "MaxLogEntries", "TrailingLogEntries", "TrailingLogBytes", "MaxPinnedBytes",
	} {
		require.ErrorContains(t, err, field+" -1 is negative")
	}
}

func TestDefaultConfigNeedsOnlyIncarnationAndRandom(t *testing.T) {
	cfg := DefaultConfig(3)
	require.Equal(t, NodeID(3), cfg.ID)
	require.Error(t, cfg.Validate())
	cfg.Incarnation, cfg.Random = 1, newRandom(1)
	require.NoError(t, cfg.Validate())
	cfg.HeartbeatIntervalTicks = cfg.ElectionTimeoutMinTicks
	require.ErrorContains(t, cfg.Validate(), "is not above HeartbeatIntervalTicks 10")
	cfg = DefaultConfig(3)
	cfg.Incarnation, cfg.Random = 1, newRandom(1)
	for _, width := range []int{-1, 0, 1} { // of one tick: every node would draw the same timeout for ever
		cfg.ElectionTimeoutMaxTicks = cfg.ElectionTimeoutMinTicks + width
		require.ErrorContains(t, cfg.Validate(), "is not above ElectionTimeoutMinTicks 10 by two")
	}
	cfg.ElectionTimeoutMaxTicks = cfg.ElectionTimeoutMinTicks + 2
	require.NoError(t, cfg.Validate())
}

func TestLeasesEndBeforeElectionsBegin(t *testing.T) {
	validate := func(change func(*Config)) error {
		cfg := DefaultConfig(3)
		cfg.Incarnation, cfg.Random = 1, newRandom(1)
		change(&cfg)
		return cfg.Validate()
	}
	require.NoError(t, validate(func(c *Config) { c.LeaseDurationTicks = 6 }))
	require.ErrorContains(t, validate(func(c *Config) { c.LeaseDurationTicks = 7 }),
		"LeaseDurationTicks 7 is not below ElectionTimeoutMinTicks 10 less HeartbeatIntervalTicks 3")
	require.ErrorContains(t, validate(func(c *Config) { c.LeaseDurationTicks = -1 }), "LeaseDurationTicks -1 is negative")
	require.ErrorContains(t, validate(func(c *Config) { c.LeaseDurationTicks, c.PreVote = 6, false }), "LeaseDurationTicks 6 needs PreVote")
}

func TestPositionsCompareByTermThenIndex(t *testing.T) {
	ordered := []Position{{}, {1, 1}, {1, 9}, {2, 3}, {2, 4}, {7, 1}}
	for i, p := range ordered {
		for j, q := range ordered {
			require.Equal(t, i < j, p.Before(q), "%v before %v", p, q)
		}
	}
}

func TestNamesInTraces(t *testing.T) {
	require.Equal(t, "n7", NodeID(7).String())
	require.Equal(t, "nobody", NodeID(0).String())
	require.Equal(t, "3/15", Position{Term: 3, Index: 15}.String())
	require.Equal(t, "n2@00000000000000ff", Peer{ID: 2, Incarnation: 255}.String())
	require.Equal(t, "n2", Peer{ID: 2}.String())
	require.Equal(t, "pre-candidate", PreCandidate.String())
	require.Equal(t, "role(9)", Role(9).String())
	require.Equal(t, "no-op", EntryNoOp.String())
	require.Equal(t, "kind(9)", EntryKind(9).String())
	require.Equal(t, "too large", RejectTooLarge.String())
	require.Equal(t, 24, Entry{}.Size())
	require.Equal(t, 27, Entry{Data: []byte("abc")}.Size())
	require.Equal(t, Duration(7), Instant(10).Since(3))
}

func TestMessagesTellTheirTerm(t *testing.T) {
	for _, m := range []Message{
		&RequestPreVote{Term: 4}, &RequestPreVoteResponse{Term: 4}, &RequestVote{Term: 4}, &RequestVoteResponse{Candidate: 101, Term: 4},
		&AppendEntries{Term: 4}, &AppendEntriesResponse{Term: 4}, &Heartbeat{Term: 4}, &HeartbeatResponse{Term: 4}, &TimeoutNow{Term: 4},
	} {
		require.Equal(t, Term(4), m.MessageTerm(), "%T", m)
	}
}
