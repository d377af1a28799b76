package testkit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/sim/check"
	"github.com/yggr-go/yggr/statemachine"
)

// ErrDown is what a proposal to a node that is down gets, and the cause in the outcome of one that was on its way when
// its node crashed.
var ErrDown = errors.New("testkit: node is down")

// diskLatency is how long a write and its sync take.
const (
	diskLatencyMin = 100 * time.Microsecond
	diskLatencyMax = 500 * time.Microsecond
)

// dataPath is where a node keeps its data on its disk.
const dataPath = "data"

// segmentSize keeps disks in memory small: every segment is zeroed when it is made.
const segmentSize = 256 << 10

// node is one member, through all its lives.
type node[C, R any] struct {
	cluster *Cluster[C, R]
	id      engine.NodeID
	disk    *persistence.MemFS
	faults  *persistence.FaultFS // around disk
	useIDs  *rand.Rand           // of segments; goes on over restarts
	lives   int
	fuse    int  // operations on the disk until the power goes; zero: it stays
	joins   bool // it is no founder

	// Of the present life.
	seat    *Seat // nil: down
	pid     *actor.PID
	status  engine.Status
	machine statemachine.Machine[C, R]
	applied []Applied[C]
	waiting map[*Result[R]]bool
	failure error

	foreignStorage  bool         // not on disk, but the test's own
	firstOfTerm     engine.Index // of a leader: the first entry of its own term
	committedInTerm bool
}

// Applied is one command that a state machine has applied.
type Applied[C any] struct {
	statemachine.ApplyContext
	Command C
}

func newNode[C, R any](c *Cluster[C, R], id engine.NodeID) *node[C, R] {
	c.Loop.Slow(Place{id, Disk}, diskLatencyMin, diskLatencyMax)
	n := &node[C, R]{cluster: c, id: id, useIDs: rand.New(rand.NewPCG(c.random.Uint64(), uint64(id)))}
	n.insert(persistence.NewMemFS())
	return n
}

// insert gives the node a disk.
func (n *node[C, R]) insert(disk *persistence.MemFS) {
	n.disk = disk
	n.faults = persistence.NewFaultFS(disk, func(persistence.Op, string) { n.burn() })
}

func (n *node[C, R]) running() bool { return n.seat != nil && n.failure == nil }

// String tells how the node is.
func (n *node[C, R]) String() string {
	s := &n.status
	state := s.Role.String()
	switch {
	case n.seat == nil:
		state = "down, was " + state
	case n.failure != nil:
		state = fmt.Sprintf("failed (%v), was %s", n.failure, state)
	}
	return fmt.Sprintf("%v %s, term %d, follows %v, last %v, durable %d, commit %d, applied %d",
		n.id, state, s.Term, s.Leader, s.Last, s.Durable, s.Commit, s.Applied)
}

func (n *node[C, R]) start(mode actors.Bootstrap) {
	c := n.cluster
	c.t.Helper()
	n.lives++
	n.seat = c.Loop.Join(n.id)
	n.applied, n.machine, n.failure = nil, nil, nil
	n.status = engine.Status{ID: n.id} // of a life that has not begun to serve
	n.waiting = make(map[*Result[R]]bool)
	props, err := actors.NewProps(n.definition(), n.config(mode))
	if err != nil {
		c.t.Fatalf("testkit: %v: %v", n.id, err)
	}
	n.pid, err = c.system.Root.SpawnNamed(props, fmt.Sprintf("%v life %d", n.id, n.lives))
	if err != nil {
		c.t.Fatalf("testkit: %v: %v", n.id, err)
	}
}

func (n *node[C, R]) config(mode actors.Bootstrap) actors.Config {
	c := n.cluster
	cfg := actors.DefaultConfig(n.id)
	if c.options.Configure != nil {
		c.options.Configure(&cfg)
	}
	cfg.ID, cfg.Cluster, cfg.Bootstrap = n.id, "testkit", mode
	n.foreignStorage = cfg.Storage != nil
	if !n.foreignStorage {
		cfg.Storage = n.directory()
	}
	cfg.Network = c.Network
	cfg.Runtime = n.seat.Runtime()
	cfg.Runtime.Observer = n
	return cfg
}

// Crash cuts the power of a node: its actors get no further turn, its connections are gone, and of its disk is left
// what was synced and a random part of what was not. It falls between two turns.
func (c *Cluster[C, R]) Crash(id engine.NodeID) {
	c.t.Helper()
	c.crashable(id).crash()
}

// CrashAt cuts the power of a node at the nth operation from now on its disk, so in the middle of what it does there:
// writes may be torn, and names half changed. 1 is the next operation, 0 takes it back. [Cluster.Down] tells when it has
// happened.
func (c *Cluster[C, R]) CrashAt(id engine.NodeID, nth int) {
	c.t.Helper()
	c.crashable(id).fuse = nth
}

// Down reports whether a node is down: crashed or stopped.
func (c *Cluster[C, R]) Down(id engine.NodeID) bool {
	c.t.Helper()
	return c.node(id).seat == nil
}

// Disk returns the disk of a node, for faults: see [persistence.FaultFS.Fail]. After a crash it is another one. A disk that
// hangs is not one with a stalled operation, which would hold up the whole cluster's one goroutine, but [Loop.Stall] of the
// place named [Disk].
func (c *Cluster[C, R]) Disk(id engine.NodeID) *persistence.FaultFS {
	c.t.Helper()
	return c.node(id).faults
}

func (c *Cluster[C, R]) crashable(id engine.NodeID) *node[C, R] {
	c.t.Helper()
	n := c.node(id)
	if n.seat == nil || n.foreignStorage {
		c.t.Fatalf("testkit: %v cannot crash: it is down, or its storage is the test's own", id)
	}
	return n
}

func (n *node[C, R]) crash() {
	n.leave()
	n.insert(n.disk.Crash(n.cluster.random))
}

// burn counts an operation on the disk. At the last one the power goes, and what was to come of the turn with it.
func (n *node[C, R]) burn() {
	if n.fuse == 0 {
		return
	}
	if n.fuse--; n.fuse == 0 {
		n.crash()
		panic(powerLoss{})
	}
}

// powerLoss is the panic that ends a turn in its middle.
type powerLoss struct{}

// Stop shuts a node down in good order and waits until it is gone.
func (c *Cluster[C, R]) Stop(id engine.NodeID) {
	c.t.Helper()
	n := c.node(id)
	c.system.Root.Send(n.pid, &actors.Shutdown{})
	c.Await(id.String()+" to stop", func() bool {
		_, alive := c.system.ProcessRegistry.GetLocal(n.pid.Id)
		return !alive || c.Down(id) // it may crash over it
	})
	c.Loop.Settle()
	if !c.Down(id) {
		n.leave()
	}
}

func (n *node[C, R]) leave() {
	c := n.cluster
	n.seat.Leave()
	n.seat, n.fuse, n.failure = nil, 0, nil
	if err := c.Network.unplug(n.id); err != nil {
		c.t.Errorf("testkit: %v: %v", n.id, err)
	}
	c.checks.Crashed(n.id)
	for result := range n.waiting {
		result.end(&actors.OutcomeUnknownError{Cause: ErrDown})
	}
}

// Restart starts a node again with what its disk has kept. A founder that crashed before it had made its directory
// founds again.
func (c *Cluster[C, R]) Restart(id engine.NodeID) {
	c.t.Helper()
	n := c.node(id)
	if n.seat != nil {
		c.t.Fatalf("testkit: %v is not down", id)
	}
	exists, err := n.directory().Exists()
	switch {
	case err != nil:
		c.t.Fatalf("testkit: %v: %v", id, err)
	case exists || n.foreignStorage:
		n.start(actors.Recover{})
	case n.joins:
		n.start(actors.Join{})
	default:
		n.start(actors.NewCluster{Members: c.members})
	}
}

func (n *node[C, R]) directory() *persistence.Dir {
	return persistence.NewDir(n.faults, dataPath, persistence.Options{SegmentSize: segmentSize, Random: n.useIDs.Uint64})
}

// The node observes its own actors: see actors.Observer.
var _ actors.Observer = (*node[int, int])(nil)

func (n *node[C, R]) check(report func(*check.Cluster) error) {
	if !n.cluster.options.Unchecked {
		n.cluster.violated(report(n.cluster.checks))
	}
}

// Started implements [actors.Observer].
func (n *node[C, R]) Started(self engine.Peer, recovered engine.Recovered) {
	n.check(func(checks *check.Cluster) error { return checks.Started(self, recovered) })
	n.status = engine.Status{ID: n.id, Term: recovered.HardState.Term, Vote: recovered.HardState.Vote}
}

// Stepped implements [actors.Observer].
func (n *node[C, R]) Stepped(event engine.Event, actions []engine.Action, status engine.Status) {
	n.check(func(checks *check.Cluster) error {
		event, actions := n.withoutAnswers(event, actions)
		return checks.Stepped(n.id, event, actions, status)
	})
	if status.Role == engine.Leader && (n.status.Role != engine.Leader || n.status.Term != status.Term) {
		n.firstOfTerm = n.status.Last.Index + 1
	}
	n.committedInTerm = status.Commit >= n.firstOfTerm
	n.status = status
}

// withoutAnswers leaves out proposals and what the engine says to them: the checkers want ids and commands that are
// unique, and those of actors are not. Each [Result] sees for itself that it is answered once.
func (n *node[C, R]) withoutAnswers(event engine.Event, actions []engine.Action) (engine.Event, []engine.Action) {
	switch e := event.(type) {
	case *engine.ClientProposal:
		event = &engine.Tick{Now: e.Now}
	case *engine.ClientProposalBatch:
		event = &engine.Tick{Now: e.Now}
	default:
	}
	return event, slices.DeleteFunc(slices.Clone(actions), func(action engine.Action) bool {
		switch action.(type) {
		case *engine.ProposalAccepted, *engine.ProposalRejected, *engine.Redirect:
			return true
		default:
			return false
		}
	})
}

// Durable implements [actors.Observer].
func (n *node[C, R]) Durable(seq engine.Seq) {
	n.check(func(checks *check.Cluster) error { return checks.Durable(n.id, seq) })
}

// Left implements [actors.Observer].
func (n *node[C, R]) Left(to engine.NodeID, message engine.Message) {
	n.check(func(checks *check.Cluster) error { return checks.Left(n.id, to, message) })
}
