package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// Status is a point-in-time view of a node.
type Status struct {
	engine.Status
	Cluster     engine.ClusterID
	Incarnation engine.Incarnation // of the node's storage: what [OfIncarnation] asks for
	Address     string             // where peers dial this node
	Err         error              // why the node has failed; nil while it serves
}

// NodeMetrics gathers the counters and gauges of a node's parts. How far each follower is stands in Followers.
type NodeMetrics struct {
	Status
	Pending      int    // commands accepted and not yet answered
	PendingReads int    // reads accepted and not yet answered
	Busy         uint64 // proposals refused with ErrBusy because too many were pending
	Inbound      int    // messages that the raft actor has not taken yet
	Forwarded    uint64 // proposals sent on to the leader; only rises
	Relayed      uint64 // proposals that other nodes sent on to this one; only rises
	Handed       int    // entries handed to the state machine and not yet applied
	NearlyFull   bool   // the storage has little room left: proposals are refused with ErrDiskNearlyFull
	Crowded      uint64 // messages of peers dropped because too many of the same peer's waited; only rises
	Snapshots    SnapshotMetrics
	Engine       engine.Metrics
	Persistence  persistence.Metrics
	Transport    remote.Metrics
}

// statusQuestion and metricsQuestion are questions of Go callers.
type (
	statusQuestion  struct{ *future[Status] }
	metricsQuestion struct{ *future[NodeMetrics] }
)

func (q statusQuestion) refuse(err error)  { q.resolve(Status{}, err) }
func (q metricsQuestion) refuse(err error) { q.resolve(NodeMetrics{}, err) }

// answer is given in every phase, so that a failed node can tell its cause.
func (d *driver) answer(ctx actor.Context, q question) {
	switch q := q.(type) {
	case changeRequest:
		d.changeMembership(ctx, q)
	case transferRequest:
		d.transferLeadership(ctx, q)
	case triggerRequest:
		d.triggerSnapshot(ctx, q)
	case statusQuestion:
		q.resolve(d.status(), nil)
	case metricsQuestion:
		q.resolve(d.nodeMetrics(), nil)
	case *statusMessage:
		status := d.status()
		d.core.reply(q.sender, &status)
	case *metricsMessage:
		metrics := d.nodeMetrics()
		d.core.reply(q.sender, &metrics)
	case *wireStatus:
		status := d.status()
		q.resolve(&status)
	}
}

func (d *driver) status() Status {
	s := Status{Cluster: d.identity.Cluster, Incarnation: d.identity.Incarnation}
	if d.core.failure != nil {
		s.Err = d.core.failure
	}
	s.ID = d.core.cfg.ID
	if d.engine != nil {
		s.Status = d.engine.Status()
	}
	if d.transport != nil {
		s.Address = d.transport.Address()
	}
	return s
}

func (d *driver) nodeMetrics() NodeMetrics {
	m := NodeMetrics{
		Status:       d.status(),
		Pending:      d.core.mailbox.admission.pending(),
		PendingReads: d.core.mailbox.readRoom.pending(),
		Busy:         d.core.mailbox.busy.Load(),
		Inbound:      d.core.mailbox.control.len() + d.core.mailbox.peers.len(),
		Handed:       int(d.handedIndex - min(d.handedIndex, d.appliedIndex)),
		Crowded:      d.core.crowded.Load(),
		Snapshots:    d.snapshotMetrics(),
		Forwarded:    d.forwardedCount,
		Relayed:      d.relayedCount,
	}
	if d.engine != nil {
		m.Engine = d.engine.Metrics()
	}
	if d.storage != nil {
		m.Persistence, m.NearlyFull = d.storage.Metrics(), d.storage.NearlyFull()
	}
	if d.transport != nil {
		m.Transport = d.transport.Metrics()
	}
	return m
}
