package engine

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// trio is a cluster in memory: every node's disk confirms at once, messages are delivered in order, one at a
// time. Tests take parts of it away.
type trio struct {
	t     testing.TB
	nodes []*trioNode
	queue []trioMessage
	now   Instant
	lines []string
	check bool
	see   func(n *trioNode, actions []Action)
	loses func(from, to NodeID, m Message) bool
}

// trioNode is one engine with its disk and state machine.
type trioNode struct {
	peer     Peer
	engine   *Engine
	disk     []Entry
	founders Entry
	state    HardState
	applied  []Entry
	answers  []Action // what answered proposals
	events   []Event  // every event it was given
	record   bool
	silent   bool // its disk does not confirm
	down     bool
	seq      Seq
}

type trioMessage struct {
	from Peer
	to   NodeID
	m    Message
}

// Trace collects the sentences of all nodes.
func (c *trio) Trace(sentence string) { c.lines = append(c.lines, sentence) }

func newTrio(t testing.TB, size int) *trio {
	t.Helper()
	c := &trio{t: t, check: true}
	var members []Member
	for id := 1; id <= size; id++ {
		members = append(members, Member{ID: NodeID(id), Role: Voter, Address: NodeID(id).String()})
	}
	membership, err := NewMembership(members...)
	require.NoError(t, err)
	founders, err := FoundersEntry(membership)
	require.NoError(t, err)
	for _, m := range members {
		n := &trioNode{peer: Peer{ID: m.ID, Incarnation: Incarnation(100 + m.ID)}, state: HardState{Term: 1}, disk: []Entry{founders}, founders: founders}
		c.nodes = append(c.nodes, n)
		c.start(n, nil)
	}
	return c
}

// start builds the node's engine from its disk.
func (c *trio) start(n *trioNode, change func(*Config)) {
	c.t.Helper()
	cfg := DefaultConfig(n.peer.ID)
	cfg.Incarnation = n.peer.Incarnation
	cfg.Random = rand.NewPCG(uint64(n.peer.ID), 7)
	cfg.Tracer = c
	if change != nil {
		change(&cfg)
	}
	engine, err := New(cfg, Recovered{Now: c.now, HardState: n.state, Entries: slices.Clone(n.disk)})
	require.NoError(c.t, err)
	n.engine, n.applied, n.seq = engine, nil, 0
}

func (c *trio) node(id NodeID) *trioNode { return c.nodes[id-1] }

// step hands one event to a node and does what it says.
func (c *trio) step(n *trioNode, event Event) {
	if n.down {
		return
	}
	if n.record {
		n.events = append(n.events, event)
	}
	actions := n.engine.Step(event)
	if c.check {
		n.engine.CheckInvariants()
	}
	if c.see != nil {
		c.see(n, actions)
	}
	wrote, applied := c.perform(n, actions)
	if wrote && !n.silent {
		c.step(n, &Persisted{Now: c.now, Seq: n.seq})
	}
	if applied > 0 {
		c.step(n, &Applied{Now: c.now, Index: applied})
	}
}

func (c *trio) perform(n *trioNode, actions []Action) (wrote bool, applied Index) {
	for _, action := range actions {
		switch a := action.(type) {
		case *PersistHardState:
			n.state, n.seq, wrote = a.State, a.Seq, true
		case *PersistLogEntries:
			n.disk = append(n.disk[:a.Entries[0].Index-1:a.Entries[0].Index-1], a.Entries...)
			n.seq, wrote = a.Seq, true
		case *Send:
			if !a.Wait || !n.silent {
				c.queue = append(c.queue, trioMessage{from: n.peer, to: a.To, m: a.Message})
			}
		case *Apply:
			n.applied = append(n.applied, a.Entries...)
			applied = a.Entries[len(a.Entries)-1].Index
		default:
			n.answers = append(n.answers, action)
		}
	}
	return wrote, applied
}

// deliver hands out messages until none is left.
func (c *trio) deliver() {
	for len(c.queue) > 0 {
		c.deliverOne()
	}
}

func (c *trio) deliverOne() {
	next := c.queue[0]
	c.queue = c.queue[1:]
	if c.loses != nil && c.loses(next.from.ID, next.to, next.m) {
		return
	}
	c.step(c.node(next.to), &Incoming{Now: c.now, From: next.from, Message: next.m})
}

// tick lets one tick interval pass everywhere and delivers what it sets off.
func (c *trio) tick() {
	c.now += Instant(DefaultConfig(1).TickInterval)
	for _, n := range c.nodes {
		c.step(n, &Tick{Now: c.now})
	}
	c.deliver()
}

// elect ticks until somebody leads whom a majority follows.
func (c *trio) elect() *trioNode {
	c.t.Helper()
	for range 200 {
		c.tick()
		for _, n := range c.nodes {
			if !n.down && n.engine.Role() == Leader && n.engine.Status().Commit == n.engine.Status().Last.Index {
				return n
			}
		}
	}
	require.Fail(c.t, "nobody leads", "%v", c.lines)
	return nil
}

func (c *trio) propose(n *trioNode, commands ...string) {
	batch := &ClientProposalBatch{Now: c.now, ID: 1}
	for _, s := range commands {
		batch.Commands = append(batch.Commands, []byte(s))
	}
	c.step(n, batch)
}

func newRandom(seed uint64) Random { return rand.NewPCG(seed, 7) }
