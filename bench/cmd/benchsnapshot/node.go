package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// nodeVariable is set in the environment of a child process that runs one node.
const nodeVariable = "BENCHSNAPSHOT_NODE"

// nodeTask is what the node is started with.
type nodeTask struct {
	ID      engine.NodeID
	Address string
	Members []engine.Member // the founders; none: the node joins
	Dir     string
	Size    int64 // of the state
}

// nodeReport is what a node answers to "report", and to every other line when it has done what it was asked.
type nodeReport struct {
	Err       string
	Leader    engine.NodeID
	Term      engine.Term
	Applied   engine.Index
	Commit    engine.Index
	Installed uint64 // snapshots of the leader

	Capture     time.Duration // of the newest snapshot, from capture to complete file
	CaptureSize uint64
	Stream      time.Duration // from the first chunk to the last
	Restore     time.Duration // of the machine

	Gaps           int // between two messages of the leader
	GapP99, GapMax time.Duration
	Written        uint64 // by this node's load
}

// child is a running node.
type child struct {
	node     *actors.Node[[]byte, uint64]
	witness  *witness
	restored atomic.Int64
	written  atomic.Uint64
	endLoad  context.CancelFunc
}

// runNode is the child process: it answers each line that it reads with a report, and stops when its input ends.
func runNode(ctx context.Context, encoded string, stdin io.Reader, stdout io.Writer) (err error) {
	var t nodeTask
	if err := json.Unmarshal([]byte(encoded), &t); err != nil {
		return err
	}
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	c := &child{witness: &witness{}, endLoad: func() {}}
	definition := statemachine.Definition[[]byte, uint64]{Codec: raw{}, New: func() statemachine.Machine[[]byte, uint64] {
		return &generated{size: t.Size, restored: &c.restored}
	}}
	if c.node, err = actors.Start(ctx, system, definition, c.config(t)); err != nil {
		return err
	}
	defer func() {
		c.endLoad()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = errors.Join(err, c.node.Shutdown(ctx), c.node.Err())
	}()
	answers := json.NewEncoder(stdout)
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		if err := answers.Encode(c.answer(ctx, lines.Text())); err != nil {
			return err
		}
	}
	return nil
}

// config keeps a short trailing log, so that a new node cannot do with entries.
func (c *child) config(t nodeTask) actors.Config {
	cfg := actors.DefaultConfig(t.ID)
	cfg.Cluster, cfg.Bootstrap = "benchsnapshot", actors.NewCluster{Members: t.Members}
	if len(t.Members) == 0 {
		cfg.Bootstrap = actors.Join{}
	}
	cfg.TrailingLogEntries = 100
	cfg.Storage = persistence.NewDir(persistence.OS(), t.Dir, persistence.Options{})
	cfg.Network = c.witness.network(remote.NewTCP(remote.TCPConfig{Listen: t.Address}))
	return cfg
}

// answer does what a line asks for.
func (c *child) answer(ctx context.Context, line string) (r nodeReport) {
	var id engine.NodeID
	var address string
	var err error
	switch {
	case line == "report":
	case line == "mark":
		c.witness.forget()
	case line == "load":
		var loaded context.Context
		loaded, c.endLoad = context.WithCancel(ctx)
		for range loadClients {
			go c.load(loaded)
		}
	case line == "snapshot":
		_, err = c.node.TriggerSnapshot(ctx)
	case scan(line, "add %d %s", &id, &address):
		_, err = c.node.Admin().AddLearner(ctx, id, address)
	default:
		err = fmt.Errorf("unknown line %q", line)
	}
	if err = errors.Join(err, c.report(ctx, &r)); err != nil {
		r.Err = err.Error()
	}
	return r
}

func scan(line, format string, into ...any) bool {
	n, err := fmt.Sscanf(line, format, into...)
	return err == nil && n == len(into)
}

// A light load, so that what is measured is the snapshot.
const (
	loadClients = 8
	loadPause   = 5 * time.Millisecond
	loadBytes   = 256
)

func (c *child) load(ctx context.Context) {
	command := make([]byte, loadBytes)
	for ctx.Err() == nil {
		if _, err := c.node.Write(ctx, command); err == nil {
			c.written.Add(1)
		}
		time.Sleep(loadPause)
	}
}

func (c *child) report(ctx context.Context, r *nodeReport) error {
	status, err := c.node.Status(ctx)
	if err != nil {
		return err
	}
	metrics, err := c.node.NodeMetrics(ctx)
	if err != nil {
		return err
	}
	r.Leader, r.Term, r.Applied, r.Commit = status.Leader, status.Term, status.Applied, status.Commit
	r.Installed = metrics.Engine.SnapshotsInstalled
	r.Capture, r.CaptureSize = metrics.Snapshots.LastTook, metrics.Snapshots.LastSize
	r.Restore, r.Written = time.Duration(c.restored.Load()), c.written.Load()
	c.witness.tell(r)
	return errors.Join(status.Err, c.node.Err())
}
