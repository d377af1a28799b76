package check

import (
	"cmp"

	"github.com/yggr-go/yggr/engine"
)

// conduct is what a node's behaviour towards others and in time is judged by. It belongs to one life, and is there only if
// the host has told how the engine is configured.
type conduct struct {
	cfg        *engine.Config
	now        engine.Instant // of the node's clock, as of its newest event
	patience   patience
	preVotes   preVotes
	numbers    numbers
	promises   map[engine.NodeID]promise
	reads      map[engine.ReadID]readProof
	met        map[engine.NodeID]engine.Incarnation // as it was last met
	noticed    engine.Position                      // the newest notice of removal that was believable
	transfers  transfers
	handover   handover
	followers  followers
	rounds     readRounds
	timeouts   timeouts
	successors successors
	named      bool            // by the newest configuration, as of the last Step
	joiner     bool            // it has had no configuration yet
	hinted     engine.Index    // what the newest hint by entries would have reached
	excluded   engine.Position // as of which the newest notice of removal says that no configuration names the node
}

// Configured reports how the engine of a node's present life is configured. With that the node is also judged by how it
// behaves towards others and in time, which nothing is known about otherwise. It comes right after [Cluster.Started], at
// that time of the node's clock.
func (c *Cluster) Configured(id engine.NodeID, cfg engine.Config, now engine.Instant) {
	n := c.nodes[id]
	n.conduct = conduct{cfg: &cfg, now: now, promises: map[engine.NodeID]promise{}, reads: map[engine.ReadID]readProof{}, met: map[engine.NodeID]engine.Incarnation{}}
	n.conduct.patience.begin(n, now)
	n.conduct.timeouts.begin(&cfg)
	if last := len(n.configurations) - 1; last >= 0 {
		n.conduct.named = names(n.configurations[last].Membership, n.peer)
	} else {
		n.conduct.joiner = true
	}
}

// behaves judges the conduct of a Step.
func (n *node) behaves(before engine.Status, memory image, event engine.Event, actions []engine.Action) error {
	if n.conduct.cfg == nil {
		return nil
	}
	n.conduct.numbers.take(n, before, event, actions)
	return cmp.Or(
		checkFollowers(n, before, event, actions),
		checkAnswers(n, event, actions),
		checkAppends(n, actions),
		checkPatience(n, before, event, actions),
		checkPreVotes(n, before, event, actions),
		checkQuorumHeard(n, before, event),
		checkStalledDisk(n, before, event, actions),
		checkReadQuorum(n, event, actions),
		checkReadRounds(n, event, actions),
		checkChanges(n, event, actions),
		checkBinding(n, actions),
		checkLeaving(n, before, event, actions),
		checkUnapplied(n, before, memory, event, actions),
		checkTransfers(n, before, memory, event, actions),
		checkOfferAnswers(n, before, event, actions),
		checkSuccessor(n, before, event, actions),
		checkHandover(n, before, event, actions),
		checkHints(n, actions),
		checkTrailing(n, before, memory, actions),
		checkRefusals(n, event, actions),
		checkBelief(n, event),
		checkFarewell(n, before, event, actions),
		checkGivenVote(n, event, actions),
	)
}

// timeOf returns what the node's clock showed at an event.
func timeOf(event engine.Event) engine.Instant {
	switch e := event.(type) {
	case *engine.Tick:
		return e.Now
	case *engine.Incoming:
		return e.Now
	case *engine.ClientProposal:
		return e.Now
	case *engine.ClientProposalBatch:
		return e.Now
	case *engine.ProposeRead:
		return e.Now
	case *engine.ProposeConfigChange:
		return e.Now
	case *engine.TransferLeadership:
		return e.Now
	case *engine.Persisted:
		return e.Now
	case *engine.Applied:
		return e.Now
	case *engine.PeerSeen:
		return e.Now
	case *engine.SnapshotTaken:
		return e.Now
	case *engine.SnapshotExpected:
		return e.Now
	case *engine.SnapshotReceived:
		return e.Now
	case *engine.SnapshotSendResult:
		return e.Now
	default:
	}
	return 0
}

// electionTimeout is the node's minimum election timeout as time.
func (c *conduct) electionTimeout() engine.Duration {
	return engine.Duration(c.cfg.ElectionTimeoutMinTicks) * c.cfg.TickInterval
}
