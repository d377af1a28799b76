package actors

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// faults makes the actors of one node panic or stall at the next message they take.
type faults struct {
	node engine.NodeID

	mu      sync.Mutex
	panics  string
	stalls  string
	release chan struct{}
	stalled atomic.Bool // somebody is in the stall
}

// on returns the runtime of a node: the faults are those of one of them.
func (f *faults) on(cfg *Config) {
	id := cfg.ID
	cfg.Runtime = &Runtime{intercept: func(name string, message any) { f.meet(id, name, message) }}
}

func (f *faults) meet(id engine.NodeID, name string, message any) {
	if !isOurs(message) {
		return
	}
	f.mu.Lock()
	if id != f.node {
		f.mu.Unlock()
		return
	}
	if name == f.panics {
		f.panics = ""
		f.mu.Unlock()
		panic("injected")
	}
	if name != f.stalls {
		f.mu.Unlock()
		return
	}
	release := f.release
	f.mu.Unlock()
	f.stalled.Store(true)
	<-release
}

// isOurs leaves the messages of the life cycle alone: what is tested is an actor at work.
func isOurs(message any) bool {
	switch message.(type) {
	case driverMessage, *batch, applyMessage, transportMessage, string:
		return true
	}
	return false
}

func (f *faults) panicIn(id engine.NodeID, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.node, f.panics = id, name
}

func (f *faults) stallIn(id engine.NodeID, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.node, f.stalls, f.release = id, name, make(chan struct{})
	f.stalled.Store(false)
}

func (f *faults) resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stalls != "" {
		f.stalls = ""
		close(f.release)
	}
}

func newFaultyCluster(t *testing.T) (*cluster, *faults) {
	f := &faults{}
	c := newCluster(t, 3)
	t.Cleanup(f.resume) // before the cluster is stopped
	c.adjust = f.on
	c.startAll()
	return c, f
}

// poke sends an actor a message of no meaning, for those that get none by themselves.
func (c *cluster) poke(n *Node[int64, int64], name string) {
	c.system.Root.Send(c.system.NewLocalPID(n.PID().GetId()+"/"+name), "poke")
}

// writable waits until the cluster takes writes, and returns its leader.
func (c *cluster) writable() *Node[int64, int64] {
	c.t.Helper()
	leader := c.leader()
	_, err := leader.Write(c.t.Context(), 1)
	require.NoError(c.t, err)
	return leader
}

func (c *cluster) idOf(n *Node[int64, int64]) engine.NodeID { return n.core.cfg.ID }

// A panic in each actor of a leader, and what comes of it.
func TestPanicOf(t *testing.T) {
	for _, victim := range []struct {
		name   string
		failed bool // the node ends; else it goes on, or its driver is restarted
	}{
		{driverName, false},
		{tickerName, false},
		{persistenceName, true},
		{applyName, true},
		{snapshotName, false},
		{transportName, false},
	} {
		t.Run(victim.name, func(t *testing.T) {
			c, f := newFaultyCluster(t)
			leader := c.writable()
			id := c.idOf(leader)
			f.panicIn(id, victim.name)
			result := writeAsync(leader, 1)
			if victim.name == tickerName || victim.name == snapshotName || victim.name == transportName {
				c.poke(leader, victim.name)
			}
			requireHonest(t, <-result)
			if victim.failed {
				<-leader.Done()
				require.ErrorIs(t, leader.Err(), ErrFatal)
				require.ErrorContains(t, leader.Err(), victim.name)
				c.shutdown(id)
				c.writable() // the others go on
				c.start(id, Recover{})
			}
			c.writable()
			for _, n := range c.nodes {
				require.NoError(t, n.Err())
			}
			c.converge()
		})
	}
}

// requireHonest holds the answer of a write to what can be true: applied, unknown, or, when it was still queued,
// not taken by a node that does not lead.
func requireHonest(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrNoLeader) && !errors.Is(err, ErrNotLeader) {
		require.ErrorIs(t, err, ErrOutcomeUnknown)
	}
}

// converge waits until every node has applied the same.
func (c *cluster) converge() {
	c.t.Helper()
	c.eventually(func() bool {
		var applied []engine.Index
		for _, n := range c.nodes {
			s, err := n.Status(c.t.Context())
			if err != nil || s.Applied != s.Last.Index {
				return false
			}
			applied = append(applied, s.Applied)
		}
		return applied[0] == applied[len(applied)-1]
	})
}

// A stall of each actor of a leader that lasts several election timeouts.
func TestStallOf(t *testing.T) {
	for _, victim := range []struct {
		name  string
		moves bool // leadership moves to another node
	}{
		{driverName, true},      // nobody sends heartbeats
		{tickerName, true},      // nobody counts the time
		{persistenceName, true}, // the leader gives up on its disk
		{applyName, false},      // heartbeats never wait for the state machine
		{snapshotName, false},   // nobody needs it
		{transportName, false},  // messages do not pass through it
	} {
		t.Run(victim.name, func(t *testing.T) {
			c, f := newFaultyCluster(t)
			leader := c.writable()
			id := c.idOf(leader)
			f.stallIn(id, victim.name)
			c.poke(leader, victim.name)
			pending := writeAsync(leader, 1)
			if victim.name != tickerName {
				c.eventually(f.stalled.Load)
			}
			if victim.name == tickerName {
				leader.core.tickQueued.Store(true) // as if its tick never came
				defer leader.core.tickQueued.Store(false)
			}
			if victim.moves {
				c.eventually(func() bool { return c.leadsAnother(id) })
			} else {
				c.passTime(leader, 40) // that nobody is elected meanwhile is shown in virtual time
			}
			f.resume()
			leader.core.tickQueued.Store(false)
			requireHonest(t, <-pending)
			c.writable()
			c.converge()
			require.NoError(t, leader.Err())
		})
	}
}

func (c *cluster) term(n *Node[int64, int64]) engine.Term {
	c.t.Helper()
	s, err := n.Status(c.t.Context())
	require.NoError(c.t, err)
	return s.Term
}

// leadsAnother reports whether a node other than id leads and takes writes.
func (c *cluster) leadsAnother(id engine.NodeID) bool {
	for other, n := range c.nodes {
		if other == id {
			continue
		}
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		_, err := n.Write(ctx, 0)
		cancel()
		if err == nil {
			return true
		}
	}
	return false
}

// passTime waits until n ticks worth of heartbeats went out.
func (c *cluster) passTime(n *Node[int64, int64], rounds uint64) {
	c.t.Helper()
	before, err := n.NodeMetrics(c.t.Context())
	require.NoError(c.t, err)
	c.eventually(func() bool {
		now, err := n.NodeMetrics(c.t.Context())
		return err == nil && now.Transport.Sent >= before.Transport.Sent+rounds
	})
}

// That nobody is elected meanwhile is shown in virtual time. Here a machine that has much else to do may cost the leader its
// office.
func TestApplyBlockedBoundsMemoryAndDrains(t *testing.T) {
	g := newGate()
	c := newCluster(t, 3)
	c.apply = g.pass
	c.adjust = func(cfg *Config) { cfg.MaxPendingApplies, cfg.MaxPendingProposals = 16, 64 }
	c.startAll()
	leader := c.leader()
	results := make([]chan error, 64)
	for i := range results {
		results[i] = writeAsync(leader, 1)
	}
	c.eventually(func() bool { return g.entered.Load() == 3 })
	c.passTime(leader, 100)
	m, err := leader.NodeMetrics(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, m.Pending, 64)
	require.LessOrEqual(t, m.Handed, 16)
	if m.Role == engine.Leader {
		_, err = leader.Write(t.Context(), 0)
		require.Error(t, err, "as many as are allowed wait already")
	}
	close(g.open)
	for _, result := range results {
		requireHonest(t, <-result)
	}
	c.writable()
	c.converge()
}
