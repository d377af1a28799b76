package actors

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// journal collects what a logger writes, a line of JSON an entry.
type journal struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.bytes.Write(b)
}

func (j *journal) logger(level hclog.Level) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: j, Level: level, JSONFormat: true})
}

// entries returns those with the message.
func (j *journal) entries(t *testing.T, message string) (found []map[string]any) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range bytes.Lines(j.bytes.Bytes()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal(line, &entry))
		if entry["@message"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// Filters and dashboards rest on these names and fields.
func TestLogNamesAndFieldsAreStable(t *testing.T) {
	var log journal
	c := newCluster(t, 1)
	c.adjust = func(cfg *Config) { cfg.Logger = log.logger(hclog.Debug) }
	c.startAll()
	c.leader()
	c.shutdown(1)
	for _, want := range []struct {
		message, module, level string
		fields                 []string
	}{
		{"serving", "yggr.node", "info", []string{"address", "cluster_id", "term", "last", "membership"}},
		{"role changed", "yggr.engine", "info", []string{"role", "from_role", "term"}},
		{"term advanced", "yggr.engine", "debug", []string{"from_term", "to_term"}},
		{"leader changed", "yggr.engine", "info", []string{"leader", "address", "term"}},
		{"membership changed", "yggr.engine", "info", []string{"membership"}},
		{"shutting down", "yggr.node", "info", []string{"pending"}},
	} {
		entries := log.entries(t, want.message)
		require.NotEmpty(t, entries, want.message)
		for _, field := range append(want.fields, "node_id", "cluster") {
			require.Contains(t, entries[0], field, want.message)
		}
		require.Equal(t, want.module, entries[0]["@module"], want.message)
		require.Equal(t, want.level, entries[0]["@level"], want.message)
		require.EqualValues(t, 1, entries[0]["node_id"])
		require.Equal(t, "test", entries[0]["cluster"])
	}
	require.True(t, slices.ContainsFunc(log.entries(t, "role changed"), func(e map[string]any) bool { return e["role"] == "leader" }))
}

func TestActorRuntimeLogsThroughHclog(t *testing.T) {
	var out journal
	log := LoggerFactory(out.logger(hclog.Info))(nil)
	log.Debug("too fine")
	require.False(t, log.Enabled(t.Context(), slog.LevelDebug))
	log.With("system", "a").WithGroup("actor").Warn("restarted",
		slog.Group("pid", "id", "x"), slog.Int("times", 3), slog.Any("reason", errors.New("boom")), slog.Attr{}, slog.Group("", "inline", true))
	log.Log(t.Context(), slog.LevelError+4, "worse than an error")

	require.Empty(t, out.entries(t, "too fine"))
	entries := out.entries(t, "restarted")
	require.Len(t, entries, 1)
	delete(entries[0], "@timestamp")
	require.Equal(t, map[string]any{
		"@level": "warn", "@message": "restarted", "@module": "yggr.protoactor",
		"system": "a", "actor.pid.id": "x", "actor.times": 3.0, "actor.reason": "boom", "actor.inline": true,
	}, entries[0])
	require.Equal(t, "error", out.entries(t, "worse than an error")[0]["@level"])
}

// diary collects the events that a node publishes.
type diary struct {
	mu     sync.Mutex
	events []any
}

func (d *diary) add(event any) {
	switch event.(type) {
	case *RoleChanged, *LeaderChanged, *MembershipChanged, *Fatal:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.events = append(d.events, event)
	}
}

func (d *diary) all() []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

func TestNodeTellsTheEventStreamWhatBecomesOfIt(t *testing.T) {
	c := newCluster(t, 1)
	var seen diary
	c.system.EventStream.Subscribe(seen.add)
	c.system.EventStream.Subscribe(func(event any) {
		if _, ours := event.(*RoleChanged); ours {
			panic("a subscriber of the user's")
		}
	})
	c.startAll()
	n := c.leader()
	status, err := n.Status(t.Context())
	require.NoError(t, err)
	events := seen.all()
	require.Contains(t, events, &RoleChanged{ID: 1, Cluster: "test", Role: engine.Leader, Term: status.Term})
	require.Contains(t, events, &LeaderChanged{ID: 1, Cluster: "test", Leader: Leader{ID: 1, Address: status.Address, Term: status.Term}})
	require.Contains(t, events, &MembershipChanged{ID: 1, Cluster: "test", Membership: status.Membership})
	for i := 1; i < len(events); i++ {
		require.NotEqual(t, events[i-1], events[i], "nothing is told twice in a row")
	}
	_, err = n.Write(t.Context(), 1)
	require.NoError(t, err, "a subscriber that panics does not reach the node")
}
