package hashicorp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metrics"

	"github.com/yggr-go/yggr/bench/workload"
)

const (
	electionTimeout = 500 * time.Millisecond
	maxEntries      = 1024
	cachedEntries   = 16 << 10
	connections     = 3
	ioTimeout       = 10 * time.Second
)

// node is one server.
type node struct {
	raft      *raft.Raft
	log       *wal.WAL
	transport *raft.NetworkTransport
	metrics   *metrics.AtomicCollector
	counter   workload.Counter
}

func configuration(addresses []string) raft.Configuration {
	var c raft.Configuration
	for i, address := range addresses {
		c.Servers = append(c.Servers, raft.Server{ID: serverID(i), Address: raft.ServerAddress(address)})
	}
	return c
}

func serverID(i int) raft.ServerID { return raft.ServerID(fmt.Sprintf("n%d", i+1)) }

func newConfig(i int) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = serverID(i)
	c.Logger = hclog.NewNullLogger()
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = electionTimeout, electionTimeout, electionTimeout
	c.MaxAppendEntries = maxEntries
	c.BatchApplyCh = true
	c.SnapshotInterval, c.SnapshotThreshold = time.Hour, 1<<60 // none
	return c
}

// start starts a server with an empty log. What was opened is in n, also after an error.
func (n *node) start(i int, addresses []string, dir string) (err error) {
	path := filepath.Join(dir, string(serverID(i)))
	if err := makeDir(path); err != nil {
		return err
	}
	n.metrics = metrics.NewAtomicCollector(wal.MetricDefinitions)
	n.log, err = wal.Open(path, wal.WithMetricsCollector(n.metrics), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		return err
	}
	cache, err := raft.NewLogCache(cachedEntries, n.log)
	if err != nil {
		return err
	}
	if n.transport, err = newTransport(addresses[i]); err != nil {
		return err
	}
	config, snapshots := newConfig(i), raft.NewDiscardSnapshotStore()
	if err := raft.BootstrapCluster(config, cache, n.log, snapshots, n.transport, configuration(addresses)); err != nil {
		return err
	}
	n.raft, err = raft.NewRaft(config, &machine{counter: &n.counter}, cache, n.log, snapshots, n.transport)
	return err
}

func newTransport(address string) (*raft.NetworkTransport, error) {
	advertise, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	return raft.NewTCPTransportWithConfig(address, advertise, &raft.NetworkTransportConfig{
		Logger: hclog.NewNullLogger(), MaxPool: connections, Timeout: ioTimeout,
	})
}

// stop ends what was started.
func (n *node) stop() (problems error) {
	if n.raft != nil {
		problems = n.raft.Shutdown().Error()
	}
	if n.transport != nil {
		n.transport.CloseStreams() // Close leaves the pooled connections open
		problems = errors.Join(problems, n.transport.Close())
	}
	if n.log != nil {
		problems = errors.Join(problems, n.log.Close())
	}
	return problems
}

// machine puts the workload's counter behind hashicorp's interface.
type machine struct{ counter *workload.Counter }

var _ raft.BatchingFSM = (*machine)(nil)

// Apply implements [raft.FSM].
func (m *machine) Apply(entry *raft.Log) any {
	if entry.Type != raft.LogCommand {
		return nil
	}
	command, err := workload.ParseCommand(entry.Data)
	if err != nil {
		return err
	}
	return m.counter.Apply(command)
}

// ApplyBatch implements [raft.BatchingFSM].
func (m *machine) ApplyBatch(entries []*raft.Log) []any {
	answers := make([]any, len(entries))
	for i, entry := range entries {
		answers[i] = m.Apply(entry)
	}
	return answers
}

var errNoSnapshots = errors.New("hashicorp: no snapshots here")

// Snapshot implements [raft.FSM].
func (m *machine) Snapshot() (raft.FSMSnapshot, error) { return nil, errNoSnapshots }

// Restore implements [raft.FSM].
func (m *machine) Restore(io.ReadCloser) error { return errNoSnapshots }
