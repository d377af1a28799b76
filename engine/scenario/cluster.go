package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// Options of a [Cluster].
type Options struct {
	Seed      uint64                // of every engine's randomness
	Configure func(*engine.Config)  // changes the defaults of every engine; may be nil
	Observer  Observer              // may be nil
	Tell      func(sentence string) // hears what happens, in words; nil: nothing is put into words
}

// Cluster is a set of nodes, their disks and machines, and the network between them. It does nothing by itself
// and everything in the calling goroutine. After the first violation ([Cluster.Err]) it does nothing at all.
type Cluster struct {
	options  Options
	now      engine.Instant
	nodes    []*node // ascending by id
	founders engine.Membership
	network  network
	answers  map[engine.ProposalID]engine.Action
	lastID   engine.ProposalID
	lastRead engine.ReadID
	starts   uint64
	states   map[engine.Index]uint64 // of every machine that ever was at an index
	restored int
	err      error
}

// New returns a cluster without nodes.
func New(options Options) *Cluster {
	if options.Observer == nil {
		options.Observer = silence{}
	}
	return &Cluster{
		options: options,
		network: network{cut: map[link]bool{}},
		answers: map[engine.ProposalID]engine.Action{},
		states:  map[engine.Index]uint64{},
	}
}

// Err returns the first error: an observer's verdict, or an engine that could not be built.
func (c *Cluster) Err() error { return c.err }

// Now returns the cluster's clock.
func (c *Cluster) Now() engine.Instant { return c.now }

func (c *Cluster) fail(err error) {
	if err != nil && c.err == nil {
		c.err = err
		c.tell("VIOLATION %v", err)
	}
}

// tell puts what happens into words when somebody listens.
func (c *Cluster) tell(format string, args ...any) {
	if c.options.Tell != nil {
		c.options.Tell(fmt.Sprintf(format, args...))
	}
}

func (c *Cluster) node(id engine.NodeID) *node {
	i, found := slices.BinarySearchFunc(c.nodes, id, func(n *node, id engine.NodeID) int { return cmp.Compare(n.peer.ID, id) })
	if !found {
		return nil
	}
	return c.nodes[i]
}

// Address is where a node can be dialled if nothing else was said.
func Address(id engine.NodeID) string { return id.String() + ":7000" }

// Found starts the founders of a new cluster, each with an empty disk.
func (c *Cluster) Found(ids ...engine.NodeID) error {
	members := make([]engine.Member, len(ids))
	for i, id := range ids {
		members[i] = engine.Member{ID: id, Role: engine.Voter, Address: Address(id)}
	}
	founders, err := engine.NewMembership(members...)
	if err != nil {
		return err
	}
	c.founders = founders
	for _, id := range ids {
		if err := c.add(id, c.foundersDisk); err != nil {
			return err
		}
	}
	return c.err
}

// Join starts a node with an empty disk that belongs to no cluster yet.
func (c *Cluster) Join(id engine.NodeID) error {
	return c.add(id, func() (content, error) { return content{}, nil })
}

func (c *Cluster) foundersDisk() (content, error) {
	entry, err := engine.FoundersEntry(c.founders)
	return content{state: engine.HardState{Term: 1}, entries: []engine.Entry{entry}}, err
}

func (c *Cluster) add(id engine.NodeID, initial func() (content, error)) error {
	if c.node(id) != nil {
		return fmt.Errorf("scenario: %v exists", id)
	}
	first, err := initial()
	if err != nil {
		return err
	}
	n := &node{peer: engine.Peer{ID: id}, disk: disk{content: first}, store: newStore()}
	n.reincarnate()
	c.nodes = append(c.nodes, n)
	slices.SortFunc(c.nodes, func(a, b *node) int { return cmp.Compare(a.peer.ID, b.peer.ID) })
	return c.start(n)
}

// start builds the engine of a node from its disk.
func (c *Cluster) start(n *node) error {
	c.starts++
	config := engine.DefaultConfig(n.peer.ID)
	config.Incarnation = n.peer.Incarnation
	config.Random = rand.NewPCG(c.options.Seed, uint64(n.peer.ID)<<32|c.starts)
	if c.options.Configure != nil {
		c.options.Configure(&config)
	}
	if c.options.Tell != nil {
		config.Tracer = voice{c}
	}
	disk := &n.disk.content
	recovered := engine.Recovered{
		Now: c.clock(n), HardState: disk.state, Snapshot: disk.snapshot, Base: disk.base, Entries: slices.Clip(disk.entries), Commit: disk.commit,
	}
	built, err := engine.New(config, recovered)
	if err != nil {
		c.fail(fmt.Errorf("scenario: %v does not start: %w", n.peer.ID, err))
		return c.err
	}
	n.engine, n.fatal, n.machine = built, nil, machine{stalled: n.machine.stalled}
	n.minTimeout = engine.Duration(config.ElectionTimeoutMinTicks) * config.TickInterval
	n.reads = map[engine.ReadID]bool{}
	if disk.snapshot.ID != 0 {
		c.restore(n, disk.snapshot)
	}
	built.CheckInvariants()
	c.fail(c.options.Observer.Started(n.peer, recovered))
	return c.err
}

// voice passes on an engine's sentences.
type voice struct{ cluster *Cluster }

func (v voice) Trace(sentence string) { v.cluster.tell("  %s", sentence) }

// ErrNotRunning is returned for a node that is unknown, crashed or stopped by a fatal error.
var ErrNotRunning = errors.New("scenario: node is not running")

func (c *Cluster) running(id engine.NodeID) (*node, error) {
	n := c.node(id)
	if n == nil || n.engine == nil {
		return nil, fmt.Errorf("%w: %v", ErrNotRunning, id)
	}
	return n, nil
}
