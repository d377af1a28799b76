package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// readProof is what is known of a read when it is asked.
type readProof struct {
	after  engine.SendNumber // answers to this number and higher ones prove leadership
	proven bool              // they have come, or nobody needed to be asked: so it stays, whoever votes from now on
}

// promise is a peer's minimum election timeout, as it told.
type promise struct {
	incarnation engine.Incarnation
	timeout     engine.Duration
}

// checkReadQuorum: a leader serves a read only if a majority of its voters, itself among them only while it is one, has
// answered what was sent after the read had come (dissertation §6.4), or if at that moment its lease lasted (§6.4.1): if
// such a majority had answered what was sent so lately that by nobody's promise anybody may have voted since, with a tenth
// to spare for clocks, and nobody was asked to take over.
func checkReadQuorum(n *node, event engine.Event, actions []engine.Action) error {
	c := &n.conduct
	switch e := event.(type) {
	case *engine.PeerSeen:
		c.promises[e.From.ID] = promise{e.From.Incarnation, e.MinElectionTimeout}
	case *engine.ProposeRead:
		c.reads[e.ID] = readProof{after: c.sentBefore(actions) + 1}
		if c.leased(n) { // which is as good for those that came before
			for id, proof := range c.reads {
				c.reads[id] = readProof{proof.after, true}
			}
		}
	default:
	}
	c.prove(n)
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.ReadFailed:
			delete(c.reads, a.ID)
			if a.Reason == engine.ReadNotLeader && a.Leader != n.status.Leader {
				return violated("read quorum", "%v sends read %d to %v, and its leader is %v", n.peer.ID, a.ID, a.Leader, n.status.Leader)
			}
		case *engine.ReadReady:
			proof := c.reads[a.ID]
			delete(c.reads, a.ID)
			if quorum := c.numbers.quorum(n); !proof.proven && quorum < proof.after {
				return violated("read quorum", "%v serves read %d: a majority has answered up to #%d, which was sent before #%d and before the read came",
					n.peer.ID, a.ID, quorum, proof.after)
			}
		default:
		}
	}
	return nil
}

// prove takes in which reads a majority has answered for. One that waits for its index only may be served although the
// voters have changed since.
func (c *conduct) prove(n *node) {
	if len(c.reads) == 0 || !c.numbers.leads(n) {
		return
	}
	quorum := c.numbers.quorum(n)
	for id, proof := range c.reads {
		if proof.after <= quorum {
			c.reads[id] = readProof{proof.after, true}
		}
	}
}

// sentBefore returns the highest number that was sent before this Step.
func (c *conduct) sentBefore(actions []engine.Action) engine.SendNumber {
	before := c.numbers.sent
	for _, action := range actions {
		if send, ok := action.(*engine.Send); ok {
			if m, ok := send.Message.(*engine.Heartbeat); ok {
				before = min(before, m.Number-1)
			}
		}
	}
	return before
}

// leased reports whether the leader may answer without asking anybody at this moment.
func (c *conduct) leased(n *node) bool {
	if c.cfg.LeaseDurationTicks == 0 || c.numbers.asked || !c.numbers.leads(n) {
		return false
	}
	if c.numbers.quorum(n) == ^engine.SendNumber(0) {
		return true
	}
	return c.numbers.held && c.now.Since(c.numbers.lease) < c.leaseDuration(n)
}

// leaseDuration goes by the newest configuration, and by the one before as long as the newest is not committed.
func (c *conduct) leaseDuration(n *node) engine.Duration {
	shortest := c.electionTimeout()
	for i, configuration := range slices.Backward(n.configurations) {
		for _, m := range configuration.Membership.Members {
			if m.Role != engine.Voter || m.ID == n.peer.ID {
				continue
			}
			p := c.promises[m.ID]
			if m.Incarnation == 0 || p.incarnation != m.Incarnation {
				return 0
			}
			shortest = min(shortest, p.timeout)
		}
		if configuration.position.Index <= n.status.Commit || i < len(n.configurations)-1 {
			break
		}
	}
	return min(shortest*9/10, engine.Duration(c.cfg.LeaseDurationTicks)*c.cfg.TickInterval)
}
