package engine_test

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/sim/check"
)

// tally counts what happened, to show that a sweep was not vacuous.
type tally struct {
	leaders, accepted, delayed, refused, applied                               int
	sevens, crashes, wipes, earlyWipes, partitions, messages, held, away, hung int

	pauses, reads, served, servedByLease, failed             int
	joins, changed, unchanged, committed, readded            int
	transfers, handedOver, busyTransfers, busyHandedOver     int
	captures, chunks, installed, joinedByFile, readdedByFile int
}

func (t *tally) add(other tally) {
	for _, sum := range [][2]*int{
		{&t.leaders, &other.leaders},
		{&t.accepted, &other.accepted},
		{&t.delayed, &other.delayed},
		{&t.refused, &other.refused},
		{&t.applied, &other.applied},
		{&t.sevens, &other.sevens},
		{&t.crashes, &other.crashes},
		{&t.wipes, &other.wipes},
		{&t.earlyWipes, &other.earlyWipes},
		{&t.partitions, &other.partitions},
		{&t.messages, &other.messages},
		{&t.held, &other.held},
		{&t.away, &other.away},
		{&t.hung, &other.hung},
		{&t.pauses, &other.pauses},
		{&t.reads, &other.reads},
		{&t.served, &other.served},
		{&t.servedByLease, &other.servedByLease},
		{&t.failed, &other.failed},
		{&t.joins, &other.joins},
		{&t.changed, &other.changed},
		{&t.unchanged, &other.unchanged},
		{&t.committed, &other.committed},
		{&t.readded, &other.readded},
		{&t.transfers, &other.transfers},
		{&t.handedOver, &other.handedOver},
		{&t.busyTransfers, &other.busyTransfers},
		{&t.busyHandedOver, &other.busyHandedOver},
		{&t.captures, &other.captures},
		{&t.chunks, &other.chunks},
		{&t.installed, &other.installed},
		{&t.joinedByFile, &other.joinedByFile},
		{&t.readdedByFile, &other.readdedByFile},
	} {
		*sum[0] += *sum[1]
	}
}

// witness counts what passes it on its way to the checkers.
type witness struct {
	*check.Cluster
	tally *tally
	peers map[engine.NodeID]engine.Peer
	empty map[engine.NodeID]bool // nodes whose log holds nothing yet
	began map[engine.Peer]bool   // lives whose log began with a snapshot
}

func newWitness(checker *check.Cluster, t *tally) *witness {
	return &witness{
		Cluster: checker, tally: t,
		peers: map[engine.NodeID]engine.Peer{}, empty: map[engine.NodeID]bool{}, began: map[engine.Peer]bool{},
	}
}

// Started implements scenario.Observer.
func (w *witness) Started(peer engine.Peer, recovered engine.Recovered) error {
	w.peers[peer.ID] = peer
	w.empty[peer.ID] = len(recovered.Entries) == 0 && recovered.Base.Index == 0
	return w.Cluster.Started(peer, recovered)
}

// Stepped implements scenario.Observer.
func (w *witness) Stepped(id engine.NodeID, event engine.Event, actions []engine.Action, status engine.Status) error {
	for _, action := range actions {
		w.count(id, event, action, status)
	}
	w.empty[id] = status.Last.Index == 0
	return w.Cluster.Stepped(id, event, actions, status)
}

func (w *witness) count(id engine.NodeID, event engine.Event, action engine.Action, status engine.Status) {
	switch a := action.(type) {
	case *engine.ReadReady:
		w.tally.served++
		if _, asked := event.(*engine.ProposeRead); asked && len(status.Membership.Voters()) > 1 {
			w.tally.servedByLease++
		}
	case *engine.ReadFailed:
		w.tally.failed++
	case *engine.ProposalAccepted:
		w.tally.accepted++
		if _, ticks := event.(*engine.Tick); ticks {
			w.tally.delayed++
		}
	case *engine.ProposalRejected, *engine.Redirect:
		w.tally.refused++
	case *engine.PersistSnapshot:
		if !a.Keep && w.empty[id] {
			w.began[w.peers[id]] = true
		}
	default:
	}
}
