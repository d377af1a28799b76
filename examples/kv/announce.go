package main

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// announcement is where a node's clients connect, as it said itself when it led in Term.
type announcement struct {
	Term    engine.Term
	Address string
}

// directory holds the newest announcement of each node. The machine writes it, connections read it.
type directory struct {
	current atomic.Pointer[map[engine.NodeID]announcement]
}

func (d *directory) reset() { d.current.Store(&map[engine.NodeID]announcement{}) }

func (d *directory) all() map[engine.NodeID]announcement {
	if current := d.current.Load(); current != nil {
		return *current
	}
	return nil
}

// record replaces the whole map: readers never see it change. Announcements are as rare as elections.
func (d *directory) record(id engine.NodeID, a announcement) {
	next := maps.Clone(d.all())
	if next == nil {
		next = make(map[engine.NodeID]announcement)
	}
	next[id] = a
	d.current.Store(&next)
}

// confirmed returns the client address of the leader if that leader announced it in the very term in which it is
// followed. That entry is committed, so the leader had a majority in this term, and the address is of the process
// that leads now and not of an earlier life.
func (d *directory) confirmed(leader actors.Leader) (string, bool) {
	a, ok := d.all()[leader.ID]
	return a.Address, ok && a.Term == leader.Term
}

// announceInterval is how often a node looks whether it has become leader. It bounds for how long after an
// election followers answer -TRYAGAIN where they could answer -MOVED.
const announceInterval = 10 * time.Millisecond

// announcer writes an announcement through the log whenever its node begins to lead.
type announcer struct {
	store   store
	id      engine.NodeID
	address string
	logger  hclog.Logger

	announced engine.Term
}

// run announces until ctx ends.
func (a *announcer) run(ctx context.Context) {
	ticker := time.NewTicker(announceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.announce(ctx)
		}
	}
}

// announce writes at most one announcement. After a failure the next tick tries again; a repetition is harmless.
func (a *announcer) announce(ctx context.Context) {
	leader, known := a.store.CurrentLeader()
	if !known || leader.ID != a.id || leader.Term == a.announced {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := a.store.Write(ctx, Command{Op: OpAnnounce, Node: a.id, Value: a.address}); err != nil {
		a.logger.Debug("announcement not written", "term", leader.Term, "error", err)
		return
	}
	a.announced = leader.Term
	a.logger.Info("leading", "term", leader.Term, "clients", a.address)
}
