package engine_test

import (
	"fmt"
	"slices"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/engine/scenario"
)

// changes is what an operator does to a cluster meanwhile: nodes come and go, come back with empty disks and are added
// again, and leadership is handed around. The operator is careless but for one thing: in every configuration that the
// cluster may end up with, a majority of the voters has the disk that it was added with.
type changes struct {
	on        bool
	founders  int // how many founders came back as founders
	transfers []askedTransfer
	accepted  []acceptedChange
}

type acceptedChange struct {
	position engine.Position
	change   engine.ConfigChange
	adds     bool
	wiped    bool // the target, before
}

type askedTransfer struct {
	id   engine.ProposalID
	busy bool // the leader was sending a snapshot
}

// maxNodes is how many nodes there may ever be.
func (c *chaos) maxNodes() int { return max(8, c.size+2) }

// operate does what an operator does in this round.
func (c *chaos) operate() error {
	if !c.changes.on {
		return nil
	}
	if c.happens(c.faults.transfer) || len(c.cluster.Transfers()) > 0 && c.happens(c.faults.transfer) {
		c.transfer()
	}
	if c.happens(c.faults.change) {
		return c.change()
	}
	return nil
}

// transfer asks somebody, mostly the leader, to hand leadership to anybody.
func (c *chaos) transfer() {
	id := c.anyone()
	if leader := c.leader(); leader != 0 && c.random.IntN(4) != 0 {
		id = leader
	}
	target := c.anyone()
	if c.random.IntN(3) == 0 {
		target = 0
	}
	busy := slices.ContainsFunc(c.cluster.Transfers(), func(t scenario.Transfer) bool { return t.From == id })
	if transfer, err := c.cluster.Transfer(id, target); err == nil {
		c.tally.transfers++
		if busy {
			c.tally.busyTransfers++
		}
		c.changes.transfers = append(c.changes.transfers, askedTransfer{transfer, busy})
	}
}

// change asks whoever leads for a change that keeps the cluster alive.
func (c *chaos) change() error {
	leader := c.leader()
	if leader == 0 {
		return nil
	}
	change := c.drawChange(c.cluster.Status(leader).Membership)
	if change.Target > engine.NodeID(len(c.cluster.IDs())) {
		if err := c.join(change.Target); err != nil {
			return err
		}
	}
	if c.random.IntN(4) != 0 && change.Target != leader && c.cluster.Running(change.Target) {
		if err := c.cluster.Meet(leader, change.Target); err != nil {
			return err
		}
	}
	// The incarnation that is added must be the one that runs: that is for the operator to know.
	if c.random.IntN(3) != 0 {
		change.Incarnation = c.cluster.Peer(change.Target).Incarnation
	}
	if !c.viable(nil, c.resulting(leader, change)) {
		return nil
	}
	return c.ask(leader, change)
}

func (c *chaos) ask(leader engine.NodeID, change engine.ConfigChange) error {
	answer, err := c.cluster.Change(leader, change)
	if accepted, ok := answer.(*engine.ConfigChangeAccepted); ok {
		adds := change.Kind == engine.ChangeAddVoter || change.Kind == engine.ChangeAddLearner
		c.changes.accepted = append(c.changes.accepted, acceptedChange{accepted.Position, change, adds, c.wiped[change.Target]})
		c.tally.changed++
	} else {
		c.tally.unchanged++
	}
	return err
}

// drawChange draws a change, mostly one that makes sense in the membership.
func (c *chaos) drawChange(members engine.Membership) engine.ConfigChange {
	kinds := []engine.ChangeKind{
		engine.ChangeAddVoter, engine.ChangeAddLearner, engine.ChangeAddLearner, engine.ChangePromote, engine.ChangePromote,
		engine.ChangeDemote, engine.ChangeRemove, engine.ChangeRemove, engine.ChangeUpdateAddress,
	}
	change := engine.ConfigChange{
		Kind: kinds[c.random.IntN(len(kinds))], Target: c.anyone(), Force: c.random.IntN(3) == 0,
	}
	adds := change.Kind == engine.ChangeAddVoter || change.Kind == engine.ChangeAddLearner
	for range c.random.IntN(12) {
		member, found := members.Lookup(change.Target)
		alive := found && c.cluster.Peer(member.ID).Incarnation == member.Incarnation
		if found != adds && (change.Kind != engine.ChangePromote || member.Role == engine.Learner && alive) {
			break
		}
		change.Target = c.anyone()
	}
	if known := len(c.cluster.IDs()); adds && known < c.maxNodes() && c.random.IntN(3) == 0 {
		change.Target = engine.NodeID(known + 1)
	}
	change.Address = fmt.Sprintf("%v:%d", change.Target, 7000+c.random.IntN(3))
	return change
}

func (c *chaos) join(id engine.NodeID) error {
	if err := c.cluster.Join(id); err != nil {
		return err
	}
	c.tally.joins++
	c.drawClocks([]engine.NodeID{id})
	c.cluster.StallDisk(id)
	c.cluster.StallApply(id)
	return nil
}

// comesBackAsFounder reports whether a node that lost its disk is started as a founder once more, which is a mistake
// that a minority of the founders may make.
func (c *chaos) comesBackAsFounder(id engine.NodeID) bool {
	if c.changes.on && (c.changes.founders >= (c.size-1)/2 || int(id) > c.size) || c.random.IntN(2) == 0 {
		return false
	}
	c.changes.founders++
	return true
}

// resulting returns the membership that a change of the leader's newest would lead to, as far as it counts here.
func (c *chaos) resulting(leader engine.NodeID, change engine.ConfigChange) engine.Membership {
	members := slices.Clone(c.cluster.Status(leader).Membership.Members)
	at := slices.IndexFunc(members, func(m engine.Member) bool { return m.ID == change.Target })
	switch {
	case change.Kind == engine.ChangeAddVoter && at < 0:
		members = append(members, engine.Member{ID: change.Target, Role: engine.Voter, Incarnation: change.Incarnation})
	case change.Kind == engine.ChangePromote && at >= 0:
		members[at].Role = engine.Voter
	case change.Kind == engine.ChangeDemote && at >= 0:
		members[at].Role = engine.Learner
	case change.Kind == engine.ChangeRemove && at >= 0:
		members = slices.Delete(members, at, at+1)
	default:
		return engine.Membership{}
	}
	return engine.Membership{Members: members}
}

// viable reports whether the cluster could go on without some nodes, and with one more configuration: in the
// one that is committed, and in every one behind it in anybody's log, a majority of the voters runs with the disk that
// it was added with.
func (c *chaos) viable(without []engine.NodeID, more engine.Membership) bool {
	possible := c.possible()
	if len(more.Members) > 0 {
		possible = append(possible, more)
	}
	for _, membership := range possible {
		voters, intact := 0, 0
		for _, m := range membership.Members {
			if m.Role != engine.Voter {
				continue
			}
			voters++
			if !slices.Contains(without, m.ID) && c.cluster.Peer(m.ID).Incarnation == m.Incarnation {
				intact++
			}
		}
		if intact <= voters/2 {
			return false
		}
	}
	return true
}

// possible returns the newest configuration that anybody knows to be committed and all that stand behind it.
func (c *chaos) possible() []engine.Membership {
	var known []knownConfiguration
	for _, id := range c.cluster.IDs() {
		known = append(known, c.configurations(id)...)
	}
	var committed engine.Index
	for _, k := range known {
		if k.committed {
			committed = max(committed, k.index)
		}
	}
	var memberships []engine.Membership
	for _, k := range known {
		if k.index >= committed {
			memberships = append(memberships, k.membership)
		}
	}
	return memberships
}

// knownConfiguration is a configuration that a node has in its log, in the label of its snapshot or in its machine.
type knownConfiguration struct {
	index      engine.Index
	membership engine.Membership
	committed  bool // as far as the node knows
}

func (c *chaos) configurations(id engine.NodeID) (known []knownConfiguration) {
	if label := c.cluster.Snapshot(id); label.ID != 0 {
		known = append(known, knownConfiguration{label.ConfigurationIndex, label.Membership, true})
	}
	commit := c.cluster.Status(id).Commit
	if applied := c.cluster.Applied(id); len(applied) > 0 {
		commit = max(commit, applied[len(applied)-1].Index)
	}
	for _, entry := range c.cluster.Log(id) {
		if entry.Kind != engine.EntryConfiguration {
			continue
		}
		if configuration, err := engine.DecodeConfiguration(entry.Data); err == nil {
			known = append(known, knownConfiguration{entry.Index, configuration.Membership, entry.Index <= commit})
		}
	}
	return known
}

// members returns the members of the leader's configuration that run with the disk that they were added with.
func (c *chaos) members() []engine.NodeID {
	var ids []engine.NodeID
	for _, m := range c.cluster.Status(c.leader()).Membership.Members {
		if c.cluster.Peer(m.ID).Incarnation == m.Incarnation {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// settleChanges demands that every transfer is answered, that nobody outside of the cluster disturbs it, and counts
// what became of the changes.
func (c *chaos) settleChanges() error {
	if !c.changes.on {
		return nil
	}
	if err := c.calmUntil("every transfer has ended", calmBudget, c.lasted(50)); err != nil {
		return err
	}
	if err := c.calmUntil("who was removed knows it", calmBudget, c.outsidersKnow); err != nil {
		return err
	}
	for _, transfer := range c.changes.transfers {
		if _, done := c.cluster.Answer(transfer.id).(*engine.TransferDone); done {
			c.tally.handedOver++
			if transfer.busy {
				c.tally.busyHandedOver++
			}
		}
	}
	c.countCommitted()
	return c.handOverCalmly()
}

// handOverCalmly demands that leadership moves when it is asked to and nothing is wrong.
func (c *chaos) handOverCalmly() error {
	intact := c.members()
	voters := c.cluster.Status(c.leader()).Membership.Voters()
	voters = slices.DeleteFunc(voters, func(id engine.NodeID) bool { return !slices.Contains(intact, id) })
	if len(voters) < 2 {
		return nil
	}
	transfer, err := c.cluster.Transfer(c.leader(), 0)
	if err != nil {
		return err
	}
	var answer engine.Action
	err = c.calmUntil("a transfer is answered", calmBudget, func() bool {
		answer = c.cluster.Answer(transfer)
		return answer != nil
	})
	if _, done := answer.(*engine.TransferDone); !done && err == nil {
		return fmt.Errorf("liveness: nothing is wrong, and leadership is not transferred: %+v", answer)
	}
	return err
}

func (c *chaos) countCommitted() {
	applied := c.cluster.Applied(c.leader())
	for _, a := range c.changes.accepted {
		if int(a.position.Index) > len(applied) || applied[a.position.Index-1].Term != a.position.Term {
			continue
		}
		c.tally.committed++
		configuration, err := engine.DecodeConfiguration(applied[a.position.Index-1].Data)
		if err != nil {
			continue
		}
		added, _ := configuration.Membership.Lookup(a.change.Target)
		byFile := a.adds && c.seen.began[engine.Peer{ID: added.ID, Incarnation: added.Incarnation}]
		switch {
		case a.adds && a.wiped:
			c.tally.readded++
			if byFile {
				c.tally.readdedByFile++
			}
		case byFile:
			c.tally.joinedByFile++
		}
	}
}

// outsidersKnow reports whether every node that is no member follows, and does not believe itself a voter. One whose old
// configuration names no other voter that is a member still, with the disk that it was added with, asks nobody who could
// tell it, and campaigns for ever without disturbing anybody.
func (c *chaos) outsidersKnow() bool {
	leader := c.leader()
	if leader == 0 {
		return false
	}
	members := c.cluster.Status(leader).Membership
	for _, id := range c.cluster.IDs() {
		peer, status := c.cluster.Peer(id), c.cluster.Status(id)
		if m, found := members.Lookup(id); found && m.Incarnation == peer.Incarnation {
			continue
		}
		self, named := status.Membership.Lookup(id)
		votes := named && self.Role == engine.Voter && self.Incarnation == peer.Incarnation
		asksMembers := slices.ContainsFunc(status.Membership.Voters(), func(voter engine.NodeID) bool {
			m, found := members.Lookup(voter)
			return found && voter != id && m.Incarnation == c.cluster.Peer(voter).Incarnation
		})
		if asksMembers && (status.Role != engine.Follower || votes && !status.Removed) {
			return false
		}
	}
	return true
}
