package scenario

import (
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// Read asks the node for a linearizable read. The answer may come at once or later, or never if the node crashes.
func (c *Cluster) Read(id engine.NodeID) error {
	n, err := c.running(id)
	if err != nil {
		return err
	}
	c.lastRead++
	n.reads[c.lastRead] = true
	c.tell("%v is asked to read, r%d", id, c.lastRead)
	c.handle(n, &engine.ProposeRead{Now: c.clock(n), ID: c.lastRead})
	return c.err
}

// UnansweredReads returns how many reads the node has not answered in this life.
func (c *Cluster) UnansweredReads(id engine.NodeID) int { return len(c.node(id).reads) }

// DriftClock makes the node's clock gain so many millionths from the beginning of time on; negative: lose. Set it before
// time begins.
func (c *Cluster) DriftClock(id engine.NodeID, millionths int64) { c.node(id).rate = millionths }

// Clock returns what the node's clock shows.
func (c *Cluster) Clock(id engine.NodeID) engine.Instant { return c.clock(c.node(id)) }

func (c *Cluster) clock(n *node) engine.Instant {
	return c.now + engine.Instant(int64(c.now)/1_000_000*n.rate)
}

func (s *Script) read(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	count, err := c.number(1, 1)
	if err != nil {
		return err
	}
	for range count {
		if err := s.cluster.Read(id); err != nil {
			return err
		}
	}
	return nil
}

// readFailure tells why a read is not served, and where to go.
type readFailure struct{ *engine.ReadFailed }

func (f readFailure) String() string {
	if f.Leader == 0 {
		return f.Reason.String()
	}
	return fmt.Sprintf("%v: go to %v at %s", f.Reason, f.Leader, f.Address)
}
