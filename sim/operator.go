package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// operator changes the membership and replaces disks. It is careless but for one thing: in every configuration that the
// cluster may end up with, a majority of the voters has the disk that it was added with. Without that no protocol can go
// on, and nothing could be demanded in the end.
type operator struct {
	known     []knownConfiguration // that somebody had in a log, and may come to count
	committed engine.Index         // of the newest that a machine has applied
	bound     bool                 // every founder has applied that all of them are bound; before that no disk is replaced
	founders  int                  // how many founders came back as founders with empty disks
	versions  int                  // of addresses
}

type knownConfiguration struct {
	index      engine.Index
	membership engine.Membership
}

func (o *operator) learn(index engine.Index, membership engine.Membership) {
	for i := range o.known {
		if k := &o.known[i]; k.index == index && slices.Equal(k.membership.Members, membership.Members) {
			return
		}
	}
	o.known = append(o.known, knownConfiguration{index, membership})
}

// appended learns of the configurations in a log.
func (o *operator) appended(entries []engine.Entry) {
	for i := range entries {
		if e := &entries[i]; e.Kind == engine.EntryConfiguration && e.Index >= o.committed {
			if c, err := engine.DecodeConfiguration(e.Data); err == nil {
				o.learn(e.Index, c.Membership)
			}
		}
	}
}

func (o *operator) recovered(r engine.Recovered) { o.appended(r.Entries) }

func (o *operator) installed(change *engine.PersistSnapshot) {
	if s := &change.Snapshot; !change.Keep && s.ConfigurationIndex >= o.committed {
		o.learn(s.ConfigurationIndex, s.Membership)
	}
}

// applied forgets what can no longer come to count.
func (o *operator) applied(index engine.Index) {
	if index > o.committed {
		o.committed = index
		o.known = slices.DeleteFunc(o.known, func(k knownConfiguration) bool { return k.index < index })
	}
}

// intact reports whether a member runs, or may run again, with the disk that it was added with.
func (w *world) intact(m engine.Member) bool {
	n := w.node(m.ID)
	return n != nil && !n.retired && (n.incarnation == m.Incarnation || m.Incarnation == 0 && !n.wiped)
}

// viable reports whether the cluster can go on without some nodes, and with one more configuration.
func (w *world) viable(more engine.Membership, without ...*node) bool {
	for i := range w.operator.known {
		if !w.hasMajority(w.operator.known[i].membership, without) {
			return false
		}
	}
	return len(more.Members) == 0 || w.hasMajority(more, without)
}

func (w *world) hasMajority(membership engine.Membership, without []*node) bool {
	voters, intact := 0, 0
	for _, m := range membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		voters++
		if w.intact(m) && !slices.Contains(without, w.node(m.ID)) {
			intact++
		}
	}
	return intact > voters/2
}

// settled reports whether every founder has applied that all of them are bound. Before that a founder that lost its disk
// cannot be told from one that never had anything, and must not come back (R15).
func (w *world) settled() bool {
	if w.operator.bound {
		return true
	}
	for _, n := range w.nodes {
		if !n.running() || len(n.machine.state.membership.Members) == 0 {
			return false
		}
		for _, m := range n.machine.state.membership.Members {
			if m.Incarnation == 0 {
				return false
			}
		}
	}
	w.operator.bound = true
	return true
}

// change asks the leader for a change that keeps the cluster alive.
func (w *world) change(c *chance) {
	leader := w.leader()
	if leader == nil || leader.pausedUntil > w.now || !w.settled() && c.happens(0.5) {
		return
	}
	change := w.drawChange(leader, c)
	target := w.node(change.Target)
	if target == nil {
		return
	}
	if target != leader && target.running() && c.happens(0.65) && leader.met[target.id] != (meeting{target.incarnation, target.life}) {
		w.shakeHands(leader, target.peer(), target.life)
	}
	if adds(change.Kind) && c.happens(0.6) {
		change.Incarnation = target.incarnation // the operator reads it off the node
	}
	after := resulting(leader.status.Membership, change)
	if leader.engine == nil || len(after.Voters()) > 0 && !w.viable(after) { // without a voter it has to be refused
		return
	}
	w.askChange(leader, change)
}

func (w *world) askChange(leader *node, change engine.ConfigChange) {
	k := &w.client
	k.lastID++
	k.calls[k.lastID] = call{kind: injectChange, floor: k.seen, change: change}
	w.tell("%v is asked to %v %v (forced: %t)", leader.id, change.Kind, change.Target, change.Force)
	w.step(leader, &engine.ProposeConfigChange{Now: w.time(leader), ID: k.lastID, Change: change})
}

func adds(kind engine.ChangeKind) bool {
	return kind == engine.ChangeAddVoter || kind == engine.ChangeAddLearner
}

// drawChange draws a change, mostly one that makes sense.
func (w *world) drawChange(leader *node, c *chance) engine.ConfigChange {
	members := leader.status.Membership
	if c.happens(0.1) {
		return w.addressed(engine.ConfigChange{
			Kind: engine.ChangeAddVoter + engine.ChangeKind(c.intN(6)), Target: pick(c, w.nodes).id, Force: c.happens(0.3),
		})
	}
	var sensible []engine.ConfigChange
	for _, n := range w.nodes {
		sensible = append(sensible, sensibleFor(n, members)...)
	}
	if len(w.nodes) < len(w.founders.Members)+4 && c.happens(0.5) || len(sensible) == 0 {
		sensible = append(sensible[:0], engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: w.join().id})
	}
	change := pick(c, sensible)
	if change.Kind == engine.ChangeAddLearner && c.happens(0.3) {
		change.Kind = engine.ChangeAddVoter
	}
	change.Force = c.happens(0.3)
	return w.addressed(change)
}

// sensibleFor returns what an operator may want to do about a node; what is urgent more than once.
func sensibleFor(n *node, members engine.Membership) []engine.ConfigChange {
	member, found := members.Lookup(n.id)
	do := func(kind engine.ChangeKind) engine.ConfigChange { return engine.ConfigChange{Kind: kind, Target: n.id} }
	switch {
	case found && member.Incarnation != n.incarnation:
		return []engine.ConfigChange{do(engine.ChangeRemove), do(engine.ChangeRemove), do(engine.ChangeRemove)}
	case found && member.Role == engine.Learner:
		return []engine.ConfigChange{do(engine.ChangePromote), do(engine.ChangePromote), do(engine.ChangePromote), do(engine.ChangeRemove)}
	case found:
		return []engine.ConfigChange{do(engine.ChangeDemote), do(engine.ChangeRemove), do(engine.ChangeUpdateAddress)}
	case n.running():
		return []engine.ConfigChange{do(engine.ChangeAddLearner), do(engine.ChangeAddLearner)}
	}
	return nil
}

func (w *world) addressed(change engine.ConfigChange) engine.ConfigChange {
	w.operator.versions++
	change.Address = address(change.Target, w.operator.versions%5)
	return change
}

// join starts a new node, which belongs to no cluster yet.
func (w *world) join() *node {
	n := w.add(false)
	w.start(n)
	return n
}

// resulting returns the membership that a change would lead to, as far as it decides who is needed; none if nobody new is.
func resulting(members engine.Membership, change engine.ConfigChange) engine.Membership {
	next := slices.Clone(members.Members)
	at := slices.IndexFunc(next, func(m engine.Member) bool { return m.ID == change.Target })
	switch {
	case change.Kind == engine.ChangeAddVoter && at < 0:
		next = append(next, engine.Member{ID: change.Target, Role: engine.Voter, Incarnation: change.Incarnation})
	case change.Kind == engine.ChangePromote && at >= 0:
		next[at].Role = engine.Voter
	case change.Kind == engine.ChangeDemote && at >= 0:
		next[at].Role = engine.Learner
	case change.Kind == engine.ChangeRemove && at >= 0:
		next = slices.Delete(next, at, at+1)
	default:
		return engine.Membership{}
	}
	return engine.Membership{Members: next}
}
