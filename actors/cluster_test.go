package actors

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// patience ends a test that waits for what never comes; nothing is measured by it.
const patience = time.Minute

// counter is the machine of these tests: it adds up and remembers the order.
type counter struct {
	sum   int64
	apply func(command int64) // nil, or what a test wants to happen first
}

func (c *counter) Apply(_ statemachine.ApplyContext, command int64) int64 {
	if c.apply != nil {
		c.apply(command)
	}
	c.sum += command
	return c.sum
}

type counterCodec struct{}

var errNegative = errors.New("negative")

func (counterCodec) Encode(dst []byte, command int64) ([]byte, error) {
	if command < 0 {
		return nil, errNegative
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(command)), nil
}

func (counterCodec) Decode(data []byte) (int64, error) {
	if len(data) != 8 {
		return 0, fmt.Errorf("%d bytes", len(data))
	}
	return int64(binary.LittleEndian.Uint64(data)), nil
}

func (c counterCodec) EncodeResponse(dst []byte, response int64) ([]byte, error) {
	return c.Encode(dst, response)
}
func (c counterCodec) DecodeResponse(data []byte) (int64, error) { return c.Decode(data) }

// definition returns the counter, with a hook into Apply.
func definition(apply func(command int64)) statemachine.Definition[int64, int64] {
	return statemachine.Definition[int64, int64]{
		New:   func() statemachine.Machine[int64, int64] { return &counter{apply: apply} },
		Codec: counterCodec{},
	}
}

func newSystem(t testing.TB) *actor.ActorSystem {
	t.Helper()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}), actor.WithDeadLetterThrottleInterval(time.Millisecond)) // its goroutine outlives the system by as long
	t.Cleanup(system.Shutdown)
	return system
}

// cluster is a few nodes in one process with storage in memory.
type cluster struct {
	t        testing.TB
	system   *actor.ActorSystem
	network  *remote.InProcess
	storages map[engine.NodeID]persistence.Opener
	nodes    map[engine.NodeID]*Node[int64, int64]
	members  []engine.Member
	apply    func(command int64)
	adjust   func(cfg *Config)
}

func newCluster(t testing.TB, size int) *cluster {
	c := &cluster{
		t: t, system: newSystem(t), network: remote.NewInProcess(),
		storages: make(map[engine.NodeID]persistence.Opener),
		nodes:    make(map[engine.NodeID]*Node[int64, int64]),
	}
	for i := range size {
		id := engine.NodeID(i + 1)
		c.storages[id] = persistence.NewMemory()
		c.members = append(c.members, engine.Member{ID: id, Role: engine.Voter, Address: remote.InProcessAddress(id)})
	}
	t.Cleanup(c.stop)
	return c
}

func (c *cluster) stop() {
	for id := range c.nodes {
		c.shutdown(id)
	}
}

func (c *cluster) config(id engine.NodeID, mode Bootstrap) Config {
	cfg := DefaultConfig(id)
	cfg.Cluster, cfg.Bootstrap = "test", mode
	cfg.Storage, cfg.Network = c.storages[id], c.network
	// Elections take a tenth of a second or two: soon, and late enough for a machine that has much else to do.
	cfg.TickInterval = 5 * time.Millisecond
	cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks = 20, 40
	if c.adjust != nil {
		c.adjust(&cfg)
	}
	return cfg
}

func (c *cluster) tryStart(id engine.NodeID, mode Bootstrap) (*Node[int64, int64], error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return Start(ctx, c.system, definition(c.apply), c.config(id, mode))
}

func (c *cluster) start(id engine.NodeID, mode Bootstrap) *Node[int64, int64] {
	c.t.Helper()
	n, err := c.tryStart(id, mode)
	require.NoError(c.t, err)
	c.nodes[id] = n
	return n
}

func (c *cluster) startAll() {
	c.t.Helper()
	for _, m := range c.members {
		c.start(m.ID, NewCluster{Members: c.members})
	}
}

func (c *cluster) shutdown(id engine.NodeID) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(c.t, c.nodes[id].Shutdown(ctx))
	delete(c.nodes, id)
}

// leader waits until a node of the cluster accepts a write and returns it. The write adds nothing.
func (c *cluster) leader() *Node[int64, int64] {
	c.t.Helper()
	var found *Node[int64, int64]
	c.eventually(func() bool {
		for _, n := range c.nodes {
			if status, err := n.Status(c.t.Context()); err != nil || status.Role != engine.Leader {
				continue
			}
			ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
			_, err := n.Write(ctx, 0)
			cancel()
			if err == nil {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

func (c *cluster) follower() *Node[int64, int64] {
	c.t.Helper()
	leader := c.leader()
	for _, n := range c.nodes {
		if n != leader {
			return n
		}
	}
	c.t.Fatal("no follower")
	return nil
}

// eventually polls a condition that other goroutines make true.
func (c *cluster) eventually(condition func() bool) {
	c.t.Helper()
	require.Eventually(c.t, condition, patience, time.Millisecond)
}

// gate blocks Apply for every command above zero until it is opened.
type gate struct {
	entered atomic.Int64
	open    chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) pass(command int64) {
	if command > 0 {
		g.entered.Add(1)
		<-g.open
	}
}

// probe is a process that keeps what it is sent.
type probe struct {
	system   *actor.ActorSystem
	pid      *actor.PID
	messages chan any
}

func newProbe(t testing.TB, system *actor.ActorSystem) *probe {
	t.Helper()
	p := &probe{system: system, messages: make(chan any, 1024)}
	pid, absent := system.ProcessRegistry.Add(p, "probe"+system.ProcessRegistry.NextId())
	require.True(t, absent)
	p.pid = pid
	t.Cleanup(func() { system.ProcessRegistry.Remove(pid) })
	return p
}

func (p *probe) SendUserMessage(_ *actor.PID, message any) {
	_, content, _ := actor.UnwrapEnvelope(message)
	p.messages <- content
}
func (p *probe) SendSystemMessage(_ *actor.PID, message any) { p.messages <- message }
func (p *probe) Stop(*actor.PID)                             {}

func (p *probe) request(to *actor.PID, message any) {
	p.system.Root.RequestWithCustomSender(to, message, p.pid)
}

func (p *probe) next(t testing.TB) any {
	t.Helper()
	select {
	case message := <-p.messages:
		return message
	case <-time.After(patience):
		t.Fatal("no message")
		return nil
	}
}
