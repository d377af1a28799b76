package testkit

import (
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/sim/check"
	"github.com/yggr-go/yggr/statemachine"
)

// Options shape a cluster. The zero value is what most tests want.
type Options struct {
	Nodes int    // 3 voters, n1 and on
	Seed  uint64 // decides everything that is left to chance

	// Unchecked leaves out the checks of Raft's safety, for commands so large that comparing them takes too long.
	Unchecked bool

	// Configure may change a node's config before each of its starts: limits, timeouts, a logger. Network, runtime and
	// bootstrap mode are the cluster's. Storage is too, unless it is set here; such a node cannot crash.
	Configure func(cfg *actors.Config)
}

// Patience is how much virtual time the Await methods and Write give the cluster before they fail the test: more than
// any healthy cluster needs.
const Patience = 60 * time.Second

// Cluster is a cluster of real nodes on one [Loop]: real actors, mailboxes and supervision, and the real log on disks
// in memory ([persistence.MemFS]). Every engine's every step is checked for Raft's safety properties (see
// sim/check), and a violation fails the test at once.
//
// C and R are the command and the response of the state machine. Like its loop, a cluster belongs to one goroutine.
type Cluster[C, R any] struct {
	Loop    *Loop
	Network *Network

	t       testing.TB
	options Options
	def     statemachine.Definition[C, R]
	system  *actor.ActorSystem
	random  *rand.Rand
	checks  *check.Cluster
	members []engine.Member
	nodes   []*node[C, R]
	asked   int

	captured [][]Applied[C] // by snapshots, in the order in which they were captured

	violation error
}

// NewCluster founds a cluster and starts its nodes, one shortly after the other. No time has passed for them: call
// [Cluster.AwaitLeader] or let the loop run.
func NewCluster[C, R any](t testing.TB, def statemachine.Definition[C, R], options Options) *Cluster[C, R] {
	t.Helper()
	if options.Nodes == 0 {
		options.Nodes = 3
	}
	loop := NewLoop(options.Seed)
	c := &Cluster[C, R]{
		Loop: loop, Network: NewNetwork(loop),
		t: t, options: options, def: def,
		system: actor.NewActorSystem(actor.WithLoggerFactory(silent)),
		random: rand.New(rand.NewPCG(options.Seed, 3)),
		checks: check.New(),
	}
	t.Cleanup(c.system.Shutdown)
	c.system.EventStream.Subscribe(c.hear)
	loop.afterStep = c.failOnViolation
	for i := range options.Nodes {
		id := engine.NodeID(i + 1)
		c.members = append(c.members, engine.Member{ID: id, Role: engine.Voter, Address: remote.InProcessAddress(id)})
	}
	for _, m := range c.members {
		n := newNode(c, m.ID)
		c.nodes = append(c.nodes, n)
		n.start(actors.NewCluster{Members: c.members})
		loop.Advance(time.Duration(c.random.Int64N(int64(50 * time.Millisecond)))) // their ticks shall not coincide
	}
	return c
}

func silent(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }

// Nodes returns the ids of all nodes, also of those that are down.
func (c *Cluster[C, R]) Nodes() []engine.NodeID {
	ids := make([]engine.NodeID, len(c.nodes))
	for i, n := range c.nodes {
		ids[i] = n.id
	}
	return ids
}

// Others returns the ids of all nodes but one.
func (c *Cluster[C, R]) Others(than engine.NodeID) []engine.NodeID {
	return slices.DeleteFunc(c.Nodes(), func(id engine.NodeID) bool { return id == than })
}

func (c *Cluster[C, R]) node(id engine.NodeID) *node[C, R] {
	c.t.Helper()
	if id < 1 || int(id) > len(c.nodes) {
		c.t.Fatalf("testkit: the cluster has no %v", id)
	}
	return c.nodes[id-1]
}

// Status returns what the engine of a node was after its last step, without disturbing it. Of a node that is down it
// is what it was.
func (c *Cluster[C, R]) Status(id engine.NodeID) engine.Status {
	c.t.Helper()
	return c.node(id).status
}

// Applied returns the commands that are in the state of a node's machine, in order: those that it applied, and before them
// those that the snapshot held which it was restored from.
func (c *Cluster[C, R]) Applied(id engine.NodeID) []Applied[C] {
	c.t.Helper()
	return slices.Clone(c.node(id).applied)
}

// Machine returns the state machine of a node's present life, nil before it has one. It is for looking at.
func (c *Cluster[C, R]) Machine(id engine.NodeID) statemachine.Machine[C, R] {
	c.t.Helper()
	return c.node(id).machine
}

// Failure returns why a node has failed, nil while it has not.
func (c *Cluster[C, R]) Failure(id engine.NodeID) error {
	c.t.Helper()
	return c.node(id).failure
}

// Leader returns the node that leads in the newest term, zero when there is none.
func (c *Cluster[C, R]) Leader() engine.NodeID {
	var leader engine.NodeID
	var newest engine.Term
	for _, n := range c.nodes {
		if n.running() && n.status.Role == engine.Leader && n.status.Term > newest {
			leader, newest = n.id, n.status.Term
		}
	}
	return leader
}

// AwaitLeader lets time pass until a node leads that has committed an entry of its term and is followed by a majority,
// and returns it. That takes an election timeout or two; after [Patience] the test fails.
func (c *Cluster[C, R]) AwaitLeader() engine.NodeID {
	c.t.Helper()
	c.Await("a leader that a majority follows", func() bool {
		leader := c.Leader()
		return leader != 0 && c.established(c.node(leader))
	})
	return c.Leader()
}

func (c *Cluster[C, R]) established(leader *node[C, R]) bool {
	following := 0
	for _, n := range c.nodes {
		if n.running() && n.status.Leader == leader.id && n.status.Term == leader.status.Term {
			following++
		}
	}
	return following > len(c.nodes)/2 && leader.committedInTerm
}

// AwaitApplied lets time pass until every node that is not down has applied everything that the leader's log holds. One
// that has failed never will, so it fails the test.
func (c *Cluster[C, R]) AwaitApplied() {
	c.t.Helper()
	c.Await("every node to have applied the leader's log", func() bool {
		leader := c.Leader()
		return leader != 0 && !slices.ContainsFunc(c.nodes, func(n *node[C, R]) bool {
			return n.seat != nil && (n.failure != nil || n.status.Applied < c.node(leader).status.Last.Index)
		})
	})
}

// Await lets time pass until the condition holds. After [Patience] it fails the test and tells how each node is.
func (c *Cluster[C, R]) Await(what string, condition func() bool) {
	c.t.Helper()
	if !c.Loop.Run(condition, Patience) {
		c.t.Fatalf("testkit: %v of virtual time were not enough for %s (seed %d)\n%s", Patience, what, c.options.Seed, c)
	}
}

// hear takes what nodes publish on the event stream.
func (c *Cluster[C, R]) hear(event any) {
	if fatal, ok := event.(*actors.Fatal); ok {
		c.nodes[fatal.ID-1].failure = fatal.Err
	}
}

// Metrics asks a node for its metrics. Time passes only if the node is slow to answer.
func (c *Cluster[C, R]) Metrics(id engine.NodeID) actors.NodeMetrics {
	c.t.Helper()
	var metrics *actors.NodeMetrics
	c.ask(c.node(id), &actors.GetMetrics{}, func(answer any) {
		if m, ok := answer.(*actors.NodeMetrics); ok {
			metrics = m
		}
	})
	c.Await("the metrics of "+id.String(), func() bool { return metrics != nil })
	return *metrics
}

// String tells how each node is, a line for each.
func (c *Cluster[C, R]) String() string {
	lines := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		lines[i] = n.String()
	}
	return strings.Join(lines, "\n")
}

// violated remembers what a checker found, inside of an actor's turn; the loop ends the test after the turn, because
// nobody may leave the test's goroutine from inside of an actor.
func (c *Cluster[C, R]) violated(err error) {
	if err != nil && c.violation == nil {
		c.violation = err
	}
}

func (c *Cluster[C, R]) failOnViolation() {
	if c.violation != nil {
		c.t.Fatalf("testkit: seed %d, at %v: %v\n%s", c.options.Seed, time.Duration(c.Loop.Now()), c.violation, c)
	}
}
