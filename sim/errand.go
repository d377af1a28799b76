package sim

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// errand is what an operator's tool does: a series of changes of the membership, each as soon as a leader takes it, and with
// others' requests in between. The tool gives up after a while. It asks only for what keeps the cluster alive, as the
// operator does who changes one thing at a time.
type errand struct {
	target *node
	at     *node // whom the tool asks; nil: whoever leads
	steps  []errandStep
	pace   engine.Duration // between two looks at how things stand
	looks  int             // until it gives up
	chance *chance
}

// errandStep does something if that is still to be done, and reports whether the next step may follow.
type errandStep func(w *world, e *errand, leader *node) (done bool)

// newErrand draws how quick a tool is.
func newErrand(target *node, c *chance, steps ...errandStep) *errand {
	return &errand{target: target, steps: steps, pace: c.between(millisecond, tick/2), looks: 120, chance: c}
}

// set lets a tool begin.
func (w *world) set(e *errand) {
	w.after(e.pace, func() {
		if w.over || w.err != nil {
			return
		}
		leader := e.at
		if leader == nil {
			leader = w.leader()
		}
		for len(e.steps) > 0 && leader != nil && leader.running() && leader.pausedUntil <= w.now && e.steps[0](w, e, leader) {
			e.steps = e.steps[1:]
		}
		if e.looks--; e.looks > 0 && len(e.steps) > 0 {
			w.set(e)
		}
	})
}

// request asks a leader for a change, if the cluster can bear it.
func (w *world) request(leader *node, change engine.ConfigChange) {
	if after := resulting(leader.status.Membership, change); len(after.Voters()) == 0 || w.viable(after) {
		w.askChange(leader, w.addressed(change))
	}
}

// removeIt removes the target, whichever life of it is a member.
func removeIt(w *world, e *errand, leader *node) bool {
	if _, found := leader.status.Membership.Lookup(e.target.id); !found {
		return true
	}
	w.request(leader, engine.ConfigChange{Kind: engine.ChangeRemove, Target: e.target.id})
	return false
}

// addIt adds the target's present life, in one go or as a learner. Some tools name the life, others leave it to the leader
// to know it.
func addIt(kind engine.ChangeKind) errandStep {
	return func(w *world, e *errand, leader *node) bool {
		if m, found := leader.status.Membership.Lookup(e.target.id); found {
			return m.Incarnation == e.target.incarnation || m.Incarnation == 0 || removeIt(w, e, leader)
		}
		change := engine.ConfigChange{Kind: kind, Target: e.target.id, Force: e.chance.happens(0.3)}
		if e.chance.happens(0.5) {
			change.Incarnation = e.target.incarnation
		}
		if e.target.running() && e.chance.happens(0.5) && leader.met[e.target.id] != (meeting{e.target.incarnation, e.target.life}) {
			w.shakeHands(leader, e.target.peer(), e.target.life)
		}
		w.request(leader, change)
		return false
	}
}

// promoteIt makes the target a voter; some tools insist.
func promoteIt(w *world, e *errand, leader *node) bool {
	m, found := leader.status.Membership.Lookup(e.target.id)
	if !found || m.Role == engine.Voter {
		return true
	}
	w.request(leader, engine.ConfigChange{Kind: engine.ChangePromote, Target: e.target.id, Force: e.chance.happens(0.2)})
	return false
}

// handToIt hands leadership to the target.
func handToIt(w *world, e *errand, leader *node) bool {
	w.askTransfer(leader, e.target.id)
	return true
}

// takesOver hands leadership to the target until it leads, or as often as a tool tries.
func takesOver() errandStep {
	tries := 0
	return func(w *world, e *errand, leader *node) bool {
		if tries++; leader == e.target || tries > 8 {
			return true
		}
		w.askTransfer(leader, e.target.id)
		return false
	}
}

// crowd lets clients write a lot at once.
func crowd(w *world, e *errand, leader *node) bool {
	for range 1 + e.chance.intN(4) {
		w.propose(leader, 2+e.chance.intN(6), e.chance)
	}
	return true
}

// hinder slows a voter down that is neither the leader nor the target.
func hinder(w *world, e *errand, leader *node) bool {
	members := leader.status.Membership.Members
	first := e.chance.intN(len(members))
	for i := range members {
		m := members[(first+i)%len(members)]
		if n := w.node(m.ID); m.Role == engine.Voter && n != nil && n != leader && n != e.target && n.running() {
			w.slow(n, e.chance)
			break
		}
	}
	return true
}

// slow stops a node's disk for a while, or the whole node.
func (w *world) slow(n *node, c *chance) {
	d := engine.Instant(c.between(tick/2, 8*tick))
	if c.happens(0.5) {
		w.counters.Faults[Stalled]++
		n.disk.stalledUntil = w.now + d
		return
	}
	w.counters.Faults[Paused]++
	n.pausedUntil = w.now + d
}

// sometimes leaves a step out now and then.
func sometimes(c *chance, probability float64, step errandStep) []errandStep {
	if c.happens(probability) {
		return []errandStep{step}
	}
	return nil
}

// addAndPromote is one of the ways to make a voter.
func addAndPromote(c *chance) []errandStep {
	if c.happens(0.5) {
		return []errandStep{addIt(engine.ChangeAddVoter)}
	}
	return []errandStep{addIt(engine.ChangeAddLearner), promoteIt}
}

// readd removes a member that nothing is wrong with and adds it again at once, in the same life, maybe more than once: its
// rack moves, or a tool sets up anew what it finds. Meanwhile clients write, and somebody else is slow.
func (w *world) readd(c *chance) {
	n := w.anyMember(c)
	if n == nil {
		return
	}
	w.counters.Errands[Readded]++
	e := newErrand(n, c, removeIt)
	for range 1 + c.intN(2) {
		e.steps = append(e.steps, sometimes(c, 0.7, hinder)...)
		e.steps = append(e.steps, sometimes(c, 0.7, crowd)...)
		e.steps = append(e.steps, addAndPromote(c)...)
		e.steps = append(e.steps, sometimes(c, 0.6, removeIt)...)
	}
	w.tell("%v is removed and added again (%d steps)", n.id, len(e.steps))
	w.set(e)
}

// replace puts a new machine in the place of a member, under its id: the old one dies and its disk with it, before or after
// it is removed.
func (w *world) replace(c *chance) {
	n := w.anyMember(c)
	if lost := w.lostMember(); lost != nil && c.happens(0.6) {
		n = lost
	}
	if n != nil && w.settled() {
		w.set(w.replacement(n, c, c.happens(0.7)))
	}
}

// replacement is the errand of a tool that replaces a machine, at once or when the old one is removed.
func (w *world) replacement(n *node, c *chance, atOnce bool) *errand {
	w.counters.Errands[MachineReplaced]++
	w.tell("%v is to be replaced by a new machine", n.id)
	life := n.incarnation
	swap := func(w *world, e *errand, _ *node) bool {
		return e.target.incarnation != life || w.swap(e.target, e.chance)
	}
	steps := []errandStep{removeIt, swap}
	if atOnce {
		steps = []errandStep{swap, removeIt}
	}
	steps = append(steps, addAndPromote(c)...)
	return newErrand(n, c, append(steps, sometimes(c, 0.5, handToIt)...)...)
}

// swap gives a node a new machine with an empty disk, at a working place in the network, if the cluster can bear that.
func (w *world) swap(n *node, c *chance) bool {
	if n.retired || !w.settled() || !w.viable(n.status.Membership, n) {
		return false
	}
	w.counters.Faults[Wiped]++
	w.tell("%v is a new machine", n.id)
	if n.running() {
		w.endLife(n)
	}
	n.wiped = true
	w.reincarnate(n, w.founderAgain(n, c))
	w.reconnect(n)
	w.comeBack(n, c.between(0, 3*tick))
	return true
}

// founderAgain reports whether a founder with an empty disk is started as one, which a minority of them may be.
func (w *world) founderAgain(n *node, c *chance) bool {
	founders := len(w.founders.Members)
	if !c.happens(0.4) || int(n.id) > founders || w.operator.founders >= (founders-1)/2 {
		return false
	}
	w.operator.founders++
	return true
}

// reconnect ends every cut between a node and others.
func (w *world) reconnect(n *node) {
	for _, other := range w.nodes {
		for _, l := range []*link{w.network.link(n.id, other.id), w.network.link(other.id, n.id)} {
			l.cuts, l.moves = 0, l.moves+1
		}
	}
}

// promoteInHaste adds a learner, and asks to promote it when it is just about to be far behind.
func (w *world) promoteInHaste(c *chance) {
	leader := w.leader()
	if leader == nil {
		return
	}
	var n *node
	for _, id := range leader.status.Membership.Learners() {
		if l := w.node(id); l != nil && l.running() {
			n = l
		}
	}
	if n == nil {
		if n = w.newcomer(); n == nil {
			return
		}
		w.start(n)
	}
	w.counters.Errands[Hastened]++
	w.tell("%v is to be promoted in haste", n.id)
	ask := func(w *world, e *errand, leader *node) bool {
		w.request(leader, engine.ConfigChange{Kind: engine.ChangePromote, Target: e.target.id, Force: e.chance.happens(0.1)})
		return true
	}
	slow := func(w *world, e *errand, leader *node) bool {
		if !e.target.running() || !closeTo(leader, e.target) {
			return false
		}
		e.target.disk.stalledUntil = w.now + engine.Instant(e.chance.between(tick/2, 6*tick))
		w.counters.Faults[Stalled]++
		return true
	}
	steps := []errandStep{addIt(engine.ChangeAddLearner)}
	steps = append(steps, sometimes(c, 0.8, slow)...)
	w.set(newErrand(n, c, append(steps, crowd, crowd, crowd, crowd, ask, crowd, breathe(), ask, breathe(), ask, promoteIt)...))
}

// closeTo reports whether a leader's status shows that a member lacks nothing that is committed.
func closeTo(leader, n *node) bool {
	return slices.ContainsFunc(leader.status.Followers, func(f engine.FollowerStatus) bool {
		return f.ID == n.id && f.State == "replicate" && f.Match >= leader.status.Commit
	})
}

// breathe waits for the next look.
func breathe() errandStep {
	waited := false
	return func(*world, *errand, *node) bool {
		done := waited
		waited = true
		return done
	}
}

// announce adds a machine that is not started yet, or that nobody can reach: it comes a while later, if at all. Meanwhile a
// tool may try to promote it.
func (w *world) announce(c *chance) {
	n := w.newcomer()
	if n == nil || !w.settled() {
		return
	}
	w.counters.Errands[Announced]++
	w.tell("%v is added before it is started", n.id)
	add := func(w *world, e *errand, leader *node) bool {
		if _, found := leader.status.Membership.Lookup(e.target.id); found {
			return true
		}
		w.request(leader, engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: e.target.id})
		return false
	}
	ask := func(kind engine.ChangeKind) errandStep {
		return func(w *world, e *errand, leader *node) bool {
			w.request(leader, engine.ConfigChange{Kind: kind, Target: e.target.id, Force: e.chance.happens(0.5)})
			return true
		}
	}
	steps := []errandStep{add}
	steps = append(steps, sometimes(c, 0.5, ask(engine.ChangePromote))...)
	steps = append(steps, sometimes(c, 0.3, ask(engine.ChangeUpdateAddress))...)
	steps = append(steps, sometimes(c, 0.3, removeIt)...)
	w.set(newErrand(n, c, append(steps, promoteIt)...))
	w.comeBack(n, c.between(0, 60*tick))
}

// newcomer makes a node that belongs to no cluster yet, if there are not too many; it does not run.
func (w *world) newcomer() *node {
	if len(w.nodes) >= len(w.founders.Members)+6 {
		return nil
	}
	return w.add(false)
}

// anyMember returns a member of the leader's configuration that runs in the life that it was added with; nil if there is none.
func (w *world) anyMember(c *chance) *node {
	leader := w.leader()
	if leader == nil {
		return nil
	}
	members := leader.status.Membership.Members
	first := c.intN(len(members))
	for i := range members {
		m := members[(first+i)%len(members)]
		if n := w.node(m.ID); n != nil && n.running() && n.incarnation == m.Incarnation && (n != leader || c.happens(0.2)) {
			return n
		}
	}
	return nil
}

// lostMember returns a member that runs and that the leader has not heard of lately, as an operator sees it; nil if there is
// none.
func (w *world) lostMember() *node {
	leader := w.leader()
	if leader == nil {
		return nil
	}
	for _, m := range leader.status.Membership.Members {
		n := w.node(m.ID)
		if n != nil && n != leader && n.running() && n.incarnation == m.Incarnation && n.status.Leader != leader.id {
			return n
		}
	}
	return nil
}
