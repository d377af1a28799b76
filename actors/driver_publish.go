package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// view is what the driver last published of the engine.
type view struct {
	role       engine.Role
	term       engine.Term
	leader     engine.NodeID
	membership []engine.Member
}

// publish compares the engine with what was last seen of it and tells whom it concerns.
func (d *driver) publish(ctx actor.Context) {
	was := d.view
	d.view = view{
		role: d.engine.Role(), term: d.engine.Term(), leader: d.engine.Leader(), membership: d.engine.Membership().Members,
	}
	if was.role == engine.Leader && (d.view.role != engine.Leader || d.view.term != was.term) {
		d.waiters.failBut(ErrLostLeadership, d.changeMade)
		d.writes = d.writes[:0] // who is sent elsewhere waits for no disk, least of all for one that hangs
		d.core.mailbox.hold(false)
		ctx.Send(d.apply, &leadershipLost{handed: d.handedIndex})
	}
	if d.view.term != was.term {
		d.forwards.fail(ErrLostLeadership, func(f *forwarded) bool { return f.term != d.view.term })
		d.core.engineLog.Debug("term advanced", "from_term", uint64(was.term), "to_term", uint64(d.view.term))
	}
	moved := !sameSlice(d.view.membership, was.membership)
	if moved {
		d.departed.note(was.membership, d.view.membership, d.engine.Status().Last.Index)
		d.publishMembership(ctx)
	}
	if d.view.role != was.role || d.view.term != was.term {
		d.publishRole(was)
	}
	if moved || d.view.leader != was.leader || d.view.term != was.term {
		d.publishLeader()
	}
}

// changeMade reports whether somebody waits for a change of the membership that is committed: a leader that it takes out
// of office, because it removed itself, knows how it ended, and says so when the entry is applied here.
func (d *driver) changeMade(w *waiter) bool {
	_, change := w.reply.(changeRequest)
	return change && w.first <= d.engine.Commit()
}

func (d *driver) publishMembership(ctx actor.Context) {
	if d.transporter != nil {
		ctx.Send(d.transporter, &setRoutes{members: d.view.membership})
	}
	membership := engine.Membership{Members: d.view.membership}
	d.core.engineLog.Info("membership changed", "membership", membership.String())
	d.announce(&MembershipChanged{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Membership: membership})
}

func (d *driver) publishRole(was view) {
	d.core.engineLog.Info("role changed", "from_role", was.role.String(), "role", d.view.role.String(), "term", uint64(d.view.term))
	d.announce(&RoleChanged{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Role: d.view.role, Term: d.view.term})
}

// publishLeader makes the leader and its address known, if they are not.
func (d *driver) publishLeader() {
	leader, before := d.currentLeader(), d.core.leader.Load()
	if before == leader || before != nil && leader != nil && *before == *leader {
		return
	}
	d.core.leader.Store(leader)
	event := &LeaderChanged{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster}
	if leader != nil {
		event.Leader = *leader
	}
	d.core.engineLog.Info("leader changed", "leader", uint64(event.Leader.ID), "address", event.Leader.Address, "term", uint64(d.view.term))
	d.announce(event)
}

// currentLeader returns whom the engine follows; nil when it follows nobody.
func (d *driver) currentLeader() *Leader {
	if d.view.leader == 0 {
		return nil
	}
	leader := &Leader{ID: d.view.leader, Term: d.view.term}
	if m, ok := d.engine.Membership().Lookup(d.view.leader); ok {
		leader.Address = m.Address
	}
	return leader
}

// announce publishes an event. What subscribers do to themselves does not reach the node.
func (d *driver) announce(event any) {
	d.core.guarded("event stream", func() { d.core.system.EventStream.Publish(event) })
}

// sameSlice reports whether two immutable slices are one. Memberships are never changed in place.
func sameSlice(a, b []engine.Member) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
