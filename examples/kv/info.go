package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yggr-go/yggr/actors"
)

// infoTimeout bounds how long INFO waits for the node.
const infoTimeout = 2 * time.Second

// info answers INFO [section…]: lines of name:value under a heading for each section.
func (c *connection) info(words [][]byte) error {
	wanted := make([]string, 0, len(words)-1)
	for _, word := range words[1:] {
		wanted = append(wanted, strings.ToLower(string(word)))
	}
	ctx, cancel := context.WithTimeout(c.server.ctx, infoTimeout)
	defer cancel()
	metrics, err := c.server.store.NodeMetrics(ctx)
	if err != nil {
		return replyError("TRYAGAIN the node did not answer: " + err.Error())
	}
	c.replies.bulk(c.server.report(metrics, wanted))
	return nil
}

// section is one heading of INFO.
type section struct {
	title string
	lines []line
}

type line struct {
	name  string
	value any
}

func (s *server) report(m actors.NodeMetrics, wanted []string) string {
	everything := len(wanted) == 0 || slices.ContainsFunc(wanted, func(name string) bool {
		return name == "all" || name == "everything" || name == "default"
	})
	var b strings.Builder
	for _, section := range []section{
		s.serverSection(), s.clientsSection(), s.raftSection(m), persistenceSection(m), s.statsSection(m), transportSection(m),
	} {
		if !everything && !slices.Contains(wanted, strings.ToLower(section.title)) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		fmt.Fprintf(&b, "# %s\r\n", section.title)
		for _, line := range section.lines {
			fmt.Fprintf(&b, "%s:%v\r\n", line.name, line.value)
		}
	}
	return b.String()
}

func (s *server) serverSection() section {
	return section{"Server", []line{
		{"redis_version", compatibility},
		{"redis_mode", "cluster"},
		{"cluster_name", s.cluster},
		{"client_address", s.address},
		{"uptime_in_seconds", int64(time.Since(s.started).Seconds())},
	}}
}

func (s *server) clientsSection() section {
	return section{"Clients", []line{
		{"connected_clients", s.connected()},
		{"maxclients", maxConnections},
	}}
}

// raftSection tells the node's part in the protocol. Positions are term/index; ids are numbers, 0 for nobody.
func (s *server) raftSection(m actors.NodeMetrics) section {
	status := m.Status
	_, address, _ := s.confirmedLeader()
	lines := []line{
		{"id", uint64(status.ID)},
		{"role", status.Role},
		{"term", uint64(status.Term)},
		{"vote", uint64(status.Vote)},
		{"leader", uint64(status.Leader)},
		{"leader_client_address", address},
		{"peer_address", status.Address},
		{"last", status.Last},
		{"snapshot", status.Snapshot},
		{"log_begins_after", status.Base},
		{"durable", uint64(status.Durable)},
		{"commit", uint64(status.Commit)},
		{"applied", uint64(status.Applied)},
		{"members", len(status.Membership.Members)},
	}
	for i, member := range status.Membership.Members {
		lines = append(lines, line{
			fmt.Sprintf("member%d", i),
			fmt.Sprintf("id=%d,role=%v,address=%s,incarnation=%016x", uint64(member.ID), member.Role, member.Address, uint64(member.Incarnation)),
		})
	}
	for i, f := range status.Followers {
		lines = append(lines, line{
			fmt.Sprintf("follower%d", i),
			fmt.Sprintf("id=%d,match=%d,next=%d,state=%s", uint64(f.ID), f.Match, f.Next, f.State),
		})
	}
	return section{"Raft", lines}
}

func persistenceSection(m actors.NodeMetrics) section {
	return section{"Persistence", []line{
		{"log_batches", m.Persistence.Batches},
		{"log_records", m.Persistence.Records},
		{"log_bytes", m.Persistence.Bytes},
		{"log_syncs", m.Persistence.Syncs},
		{"log_segments_freed", m.Persistence.Freed},
		{"snapshots_taken", m.Snapshots.Taken},
		{"snapshots_failed", m.Snapshots.Failed},
		{"snapshots_restored", m.Snapshots.Restored},
		{"snapshot_last_bytes", m.Snapshots.LastSize},
		{"snapshot_last_milliseconds", m.Snapshots.LastTook.Milliseconds()},
	}}
}

func (s *server) statsSection(m actors.NodeMetrics) section {
	return section{"Stats", []line{
		{"total_connections_received", s.counters.connections.Load()},
		{"rejected_connections", s.counters.rejected.Load()},
		{"total_commands_processed", s.counters.commands.Load()},
		{"busy_waits", s.counters.busy.Load()},
		{"protocol_errors", s.counters.protocolErrors.Load()},
		{"entries_appended", m.Engine.EntriesAppended},
		{"entries_committed", m.Engine.EntriesCommitted},
		{"entries_applied", m.Engine.EntriesApplied},
		{"reads_started", m.Engine.ReadIndexStarted},
		{"reads_completed", m.Engine.ReadsCompleted},
		{"reads_failed", m.Engine.ReadsFailed},
		{"read_rounds", m.Engine.ReadRounds},
		{"elections_started", m.Engine.ElectionsStarted},
		{"elections_won", m.Engine.LeaderElectionsWon},
	}}
}

func transportSection(m actors.NodeMetrics) section {
	return section{"Transport", []line{
		{"messages_sent", m.Transport.Sent},
		{"bytes_sent", m.Transport.SentBytes},
		{"messages_received", m.Transport.Received},
		{"messages_dropped", m.Transport.Dropped},
		{"connections_refused", m.Transport.Refused},
		{"frames_malformed", m.Transport.Malformed},
		{"dials", m.Transport.Dials},
		{"dial_errors", m.Transport.DialErrors},
	}}
}
