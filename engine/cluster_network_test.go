package engine_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// breakNetwork cuts the cluster in two, cuts single directions, or mends everything.
func (c *chaos) breakNetwork() {
	switch {
	case c.happens(c.faults.heal):
		c.cluster.Heal()
	case c.happens(c.faults.partition):
		c.tally.partitions++
		c.split()
	case c.happens(c.faults.oneWay):
		c.cluster.Cut(c.anyone(), c.anyone())
	}
}

func (c *chaos) anyone() engine.NodeID {
	ids := c.cluster.IDs()
	return ids[c.random.IntN(len(ids))]
}

func (c *chaos) split() {
	side := map[engine.NodeID]bool{}
	for _, id := range c.cluster.IDs() {
		side[id] = c.random.IntN(2) == 0
	}
	for _, a := range c.cluster.IDs() {
		for _, b := range c.cluster.IDs() {
			if side[a] != side[b] {
				c.cluster.Cut(a, b)
			}
		}
	}
}

// heldMessage is one that the network delays for so long that terms and lives pass meanwhile.
type heldMessage struct {
	until   int // round
	release func()
}

func (c *chaos) hold(position int) {
	c.tally.held++
	rounds := 1 + c.random.IntN(10) // about an election timeout
	if c.random.IntN(2) == 0 {
		rounds += c.random.IntN(150)
	}
	c.held = append(c.held, heldMessage{until: c.now + rounds, release: c.cluster.HoldAt(position)})
}

func (c *chaos) releaseHeld() {
	c.held = slices.DeleteFunc(c.held, func(h heldMessage) bool {
		if h.until > c.now {
			return false
		}
		h.release()
		return true
	})
}

// deliverSome gives every message that is on its way now one chance to arrive, to get lost, to be repeated, to be
// overtaken or to be held back.
func (c *chaos) deliverSome() {
	for position, pending := 0, c.cluster.InFlight(); pending > 0 && position < c.cluster.InFlight(); pending-- {
		chosen := position
		if c.happens(c.faults.reorder) {
			chosen = position + c.random.IntN(c.cluster.InFlight()-position)
		}
		c.tally.messages++
		switch {
		case c.clocks[c.cluster.Destination(chosen)].paused > 0:
			position++ // it hears it when it goes on
		case c.happens(c.faults.hold):
			c.hold(chosen)
		case c.happens(c.faults.drop):
			c.cluster.DropAt(chosen)
		case c.happens(c.faults.duplicate):
			c.cluster.DuplicateAt(chosen)
			c.cluster.DeliverAt(chosen)
		case c.happens(c.faults.deliver):
			c.cluster.DeliverAt(chosen)
		default:
			position++ // later
		}
	}
}

// mend repairs everything that can be repaired and demands what Raft promises then: a leader, and a command that
// it commits and every member with its own disk applies, behind everything that was ever acknowledged.
func (c *chaos) mend() error {
	if err := c.mendMost(); err != nil {
		return err
	}
	for _, id := range c.cluster.IDs() {
		if err := c.revive(id); err != nil {
			return err
		}
	}
	for _, h := range c.held {
		h.release()
	}
	if c.stuck {
		return c.calmUntil("nothing is promised", calmBudget, c.lasted(calmBudget/2))
	}
	if err := c.calmUntil("a leader", calmBudget, func() bool { return c.leader() != 0 }); err != nil {
		return err
	}
	var p probe
	err := c.calmUntil("a probe is applied everywhere", probeBudget, func() bool {
		c.probe(&p)
		return p.asked == 0 && c.appliedEverywhere(p.at)
	})
	if err == nil {
		err = c.settleChanges()
	}
	if err != nil {
		return err
	}
	return c.checker.Converged(c.counting())
}

// mendMost repairs a majority of every configuration that may be in force, and demands that it goes on alone: of the
// others some are dead and some have a disk that hangs for ever. A cluster whose founders are not bound owes nothing yet.
func (c *chaos) mendMost() error {
	c.cluster.Heal()
	if c.early {
		return nil
	}
	var away []engine.NodeID
	ids := c.cluster.IDs()
	for _, i := range c.random.Perm(len(ids)) {
		if more := slices.Concat(away, ids[i:i+1]); c.viable(more, engine.Membership{}) {
			away = more
		}
	}
	c.tally.away += len(away)
	for _, id := range ids {
		if err := c.reviveMostly(id, slices.Contains(away, id)); err != nil {
			return err
		}
	}
	var p probe
	return c.calmUntil(fmt.Sprintf("a leader applies a probe without %v", away), calmBudget+probeBudget, func() bool {
		c.probe(&p)
		leader := c.leader()
		return p.asked == 0 && leader != 0 && c.hasApplied(leader, p.at)
	})
}

// reviveMostly revives a node, or leaves it dead or without its disk.
func (c *chaos) reviveMostly(id engine.NodeID, away bool) error {
	switch {
	case !away:
		return c.revive(id)
	case c.random.IntN(2) == 0:
		c.crash(id)
	case c.cluster.Running(id):
		c.clocks[id].paused = 0
		c.cluster.StallDisk(id)
		c.cluster.ResumeApply(id)
		c.tally.hung++
	}
	return nil
}

// revive repairs one node.
func (c *chaos) revive(id engine.NodeID) error {
	c.clocks[id].paused = 0
	if !c.cluster.Running(id) {
		if err := c.cluster.Restart(id); err != nil {
			return err
		}
	}
	c.cluster.ResumeDisk(id)
	c.cluster.ResumeApply(id)
	c.cluster.FillDisk(id, false)
	return nil
}

// calmUntil lets time pass without faults.
func (c *chaos) calmUntil(what string, budget int, reached func() bool) error {
	for range budget {
		if reached() {
			return c.verdict()
		}
		c.cluster.Advance(tick)
		for _, id := range c.cluster.IDs() {
			if !c.cluster.Running(id) {
				continue
			}
			if err := c.cluster.Tick(id); err != nil {
				return fmt.Errorf("%w; %w", err, c.verdict())
			}
		}
		for _, t := range c.cluster.Transfers() {
			c.cluster.MoveChunk(t, t.Left)
		}
		for range 20 * len(c.cluster.IDs()) * (1 + c.cluster.InFlight()) {
			if c.cluster.InFlight() == 0 {
				break
			}
			c.cluster.DeliverAt(0)
		}
		if err := c.verdict(); err != nil {
			return err
		}
	}
	return fmt.Errorf("liveness: not within %d ticks without a fault: %s\n%s", budget, what, c.describe())
}

// describe says what every node believes.
func (c *chaos) describe() string {
	var b strings.Builder
	for _, id := range c.cluster.IDs() {
		s := c.cluster.Status(id)
		fmt.Fprintf(&b, "%v: %v of %v in term %d, log %v..%v, commit %d, removed %t, members %v\n",
			c.cluster.Peer(id), s.Role, s.Leader, s.Term, s.Base, s.Last, s.Commit, s.Removed, s.Membership)
	}
	return b.String()
}

// lasted returns a condition that holds after so many rounds.
func (c *chaos) lasted(rounds int) func() bool {
	return func() bool {
		rounds--
		return rounds < 0
	}
}

// counting returns the members with the disk that they were founded or added with.
func (c *chaos) counting() []engine.NodeID {
	if c.changes.on {
		return c.members()
	}
	var ids []engine.NodeID
	for _, id := range c.cluster.IDs() {
		if !c.wiped[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *chaos) bound() bool {
	for _, id := range c.cluster.IDs() {
		status := c.cluster.Status(id)
		for _, member := range status.Membership.Members {
			if member.Incarnation == 0 || status.Commit < status.Last.Index {
				return false
			}
		}
	}
	return true
}

func (c *chaos) leader() engine.NodeID {
	for _, id := range c.cluster.IDs() {
		if c.cluster.Status(id).Role == engine.Leader {
			return id
		}
	}
	return 0
}

// probe is a command that shows that the cluster works.
type probe struct {
	asked engine.ProposalID // zero: it is answered
	at    engine.Position   // where it was accepted
}

// probe proposes one more command whenever the one before is not going to make it.
func (c *chaos) probe(p *probe) {
	if p.asked != 0 {
		answer := c.cluster.Answer(p.asked)
		if answer == nil {
			return // it waits for others
		}
		if accepted, ok := answer.(*engine.ProposalAccepted); ok {
			p.at = engine.Position{Term: accepted.Term, Index: accepted.First}
		}
		p.asked = 0
	}
	leader := c.leader()
	if leader == 0 || p.at.Term == c.cluster.Status(leader).Term {
		return
	}
	c.probes++
	p.asked, _ = c.cluster.Submit(leader, fmt.Appendf(nil, "probe-%d", c.probes))
}

func (c *chaos) appliedEverywhere(probe engine.Position) bool {
	for _, id := range c.counting() {
		if !c.hasApplied(id, probe) {
			return false
		}
	}
	return true
}

func (c *chaos) hasApplied(id engine.NodeID, probe engine.Position) bool {
	applied := c.cluster.Applied(id)
	return probe.Index != 0 && len(applied) >= int(probe.Index) && applied[probe.Index-1].Term == probe.Term
}
