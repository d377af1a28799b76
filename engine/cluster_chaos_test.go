package engine_test

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/engine/scenario"
	"github.com/yggr-go/yggr/sim/check"
)

// chaos is one randomised life of a cluster. Everything in it is drawn from one seed: the size of the cluster,
// which faults it suffers and how often (so that no fault hides behind another one), and every single event.
type chaos struct {
	cluster *scenario.Cluster
	checker *check.Cluster
	random  *rand.Rand
	faults  faults
	size    int
	seen    *witness
	batch   batchLimits
	wiped   map[engine.NodeID]bool // came back with an empty disk: they never count again
	early   bool                   // faults begin before the founders are bound
	stuck   bool                   // a disk was wiped so early that the others need not be able to go on
	stalled map[engine.NodeID]bool // disks that take no write at all for a while
	clocks  map[engine.NodeID]*nodeClock
	changes changes
	terms   map[engine.Term]bool // that had a leader
	held    []heldMessage
	now     int // rounds so far
	probes  int

	proposals int
	tally     tally
	snap      snapshotFaults
	full      map[engine.NodeID]bool // disks without room for the snapshots of others
}

// faults are probabilities: the first group for each message, the others for each node or cluster and round.
type faults struct {
	deliver, drop, duplicate, reorder, hold float64

	lateTick, propose, read, pause  float64
	sync, confirm, stallDisk, apply float64
	crash, restart, wipe            float64
	partition, oneWay, heal, forget float64
	depose                          float64 // of a leader: crash, or silence in one or both directions
	change, transfer                float64
}

const (
	chaosRounds = 400 // rounds of faults; a round is one tick
	calmBudget  = 600 // rounds that a healed cluster has to elect a leader
	probeBudget = 200 // rounds that the leader has to get one command applied everywhere
	tick        = engine.Duration(50_000_000)
)

// newChaos draws a cluster and its faults.
func newChaos(seed uint64, tell func(string)) *chaos {
	random := rand.New(rand.NewPCG(seed, 0x5ca1ab1e))
	c := &chaos{
		checker: check.New(), random: random, size: []int{1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 7}[random.IntN(15)],
		wiped: map[engine.NodeID]bool{}, stalled: map[engine.NodeID]bool{},
		terms: map[engine.Term]bool{}, clocks: map[engine.NodeID]*nodeClock{}, full: map[engine.NodeID]bool{},
	}
	c.faults, c.snap, c.batch = c.drawFaults(), c.drawSnapshots(), c.drawBatch()
	c.seen = newWitness(c.checker, &c.tally)
	c.cluster = scenario.New(scenario.Options{Seed: seed, Observer: c.seen, Tell: tell, Configure: c.drawConfig()})
	return c
}

// batchLimits are those of proposals that wait for others. Zero: none does.
type batchLimits struct{ ticks, entries int }

// drawBatch holds proposals back in a fifth of all seeds.
func (c *chaos) drawBatch() batchLimits {
	if c.random.IntN(5) != 0 {
		return batchLimits{}
	}
	c.checker.HoldsProposals()
	return batchLimits{ticks: 1 + c.random.IntN(5), entries: 1 + c.random.IntN(20)}
}

// sometimes draws a probability up to limit, and in half of all seeds zero.
func (c *chaos) sometimes(limit float64) float64 {
	if c.random.IntN(2) == 0 {
		return 0
	}
	return c.random.Float64() * limit
}

func (c *chaos) drawFaults() faults {
	return faults{
		deliver: 0.5 + c.random.Float64()/2, drop: c.sometimes(0.3), duplicate: c.sometimes(0.2), reorder: c.sometimes(1), hold: c.sometimes(0.1),
		lateTick: c.sometimes(0.5), propose: c.random.Float64(), read: c.random.Float64(), pause: c.sometimes(0.03),
		sync: 0.3 + 0.7*c.random.Float64(), confirm: 0.2 + 0.8*c.random.Float64(), stallDisk: c.sometimes(0.03), apply: 0.3 + 0.7*c.random.Float64(),
		crash: c.sometimes(0.02), restart: 0.05 + 0.2*c.random.Float64(), wipe: c.sometimes(0.01),
		partition: c.sometimes(0.1), oneWay: c.sometimes(0.1), heal: 0.05 + 0.25*c.random.Float64(), forget: c.sometimes(1), depose: 0.05 * c.random.Float64(),
		change: 0.05 + 0.3*c.random.Float64(), transfer: c.sometimes(0.1),
	}
}

// drawConfig shortens the timeouts, so that much happens in a few rounds, and makes windows small enough to
// matter in half of all seeds.
func (c *chaos) drawConfig() func(*engine.Config) {
	heartbeat := 1 + c.random.IntN(2)
	timeout := heartbeat + 2 + c.random.IntN(6)
	width := 2 + c.random.IntN(8)
	limits, lease := c.drawLimits(), c.random.IntN(2) == 0
	return func(cfg *engine.Config) {
		cfg.HeartbeatIntervalTicks, cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks = heartbeat, timeout, timeout+width
		limits(cfg)
		if lease && cfg.PreVote {
			cfg.LeaseDurationTicks = timeout - heartbeat - 1
		}
		c.snap.configure(cfg)
		if c.batch.ticks > 0 {
			cfg.MaxBatchDelayTicks, cfg.MaxBatchEntries = c.batch.ticks, c.batch.entries
		}
	}
}

func (c *chaos) drawLimits() func(*engine.Config) {
	if c.random.IntN(2) == 0 {
		return func(*engine.Config) {}
	}
	entries, inflight, apply := 1+c.random.IntN(4), 1+c.random.IntN(4), 1+c.random.IntN(8)
	unapplied := 200 + c.random.IntN(4000)
	preVote := c.random.IntN(4) != 0
	return func(cfg *engine.Config) {
		cfg.MaxAppendEntries, cfg.MaxInflightAppends, cfg.MaxApplyEntries = entries, inflight, apply
		cfg.MaxUnappliedBytes, cfg.PreVote = unapplied, preVote
	}
}

// playChaos lives one seed. A panic of an engine comes back as an error with its stack.
func playChaos(seed uint64, tell func(string)) (result tally, err error) {
	c := newChaos(seed, tell)
	defer func() {
		if cause := recover(); cause != nil {
			result, err = c.tally, fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	err = c.play()
	c.tally.installed = c.cluster.Restored()
	return c.tally, err
}

func (c *chaos) play() error {
	if c.size == 7 {
		c.tally.sevens++
	}
	ids := make([]engine.NodeID, c.size)
	for i := range ids {
		ids[i] = engine.NodeID(i + 1)
	}
	if err := c.cluster.Found(ids...); err != nil {
		return err
	}
	c.drawClocks(ids)
	c.cluster.MeetAll()
	// Some clusters suffer from birth on.
	if c.random.IntN(4) == 0 {
		c.early = true
	} else if err := c.calmUntil("every founder is bound", calmBudget, c.bound); err != nil {
		return err
	} else if c.random.IntN(4) != 0 {
		c.changes.on = true
	}
	for _, id := range ids {
		c.cluster.StallDisk(id)
		c.cluster.StallApply(id)
	}
	for range chaosRounds {
		if err := c.round(); err != nil {
			return err
		}
	}
	return c.mend()
}

// round is one tick of the cluster, with whatever goes wrong meanwhile.
func (c *chaos) round() error {
	c.now++
	part := engine.Duration(c.random.Int64N(int64(tick)))
	c.cluster.Advance(part)
	c.readSome()
	c.deliverSome()
	c.cluster.Advance(tick - part)
	c.releaseHeld()
	c.breakNetwork()
	for _, id := range c.cluster.IDs() {
		if c.pauses(id) {
			continue
		}
		if err := c.nodeRound(id); err != nil {
			return err
		}
	}
	c.readSome()
	if err := c.operate(); err != nil {
		return err
	}
	c.deliverSome()
	c.moveSnapshots()
	return c.verdict()
}

func (c *chaos) happens(probability float64) bool { return c.random.Float64() < probability }

func (c *chaos) verdict() error {
	for _, id := range c.cluster.IDs() {
		if fatal := c.cluster.Fatal(id); fatal != nil {
			return fmt.Errorf("%v stopped for good: %w", id, fatal)
		}
		for _, peer := range c.cluster.ReportedLost(id) {
			if !c.wiped[peer.ID] {
				return fmt.Errorf("%v says that %v lost data, which it did not", id, peer.ID)
			}
		}
	}
	return c.cluster.Err()
}

func (c *chaos) nodeRound(id engine.NodeID) error {
	if !c.cluster.Running(id) {
		if c.happens(c.faults.restart) {
			return c.cluster.Restart(id)
		}
		return nil
	}
	if status := c.cluster.Status(id); status.Role == engine.Leader {
		c.countLeader(status.Term)
		c.maybeDepose(id)
	}
	c.work(id)
	c.snapshots(id)
	if !c.happens(c.faults.lateTick) && c.cluster.Running(id) && c.clocks[id].beats(c.cluster.Clock(id)) {
		if err := c.cluster.Tick(id); err != nil {
			return err
		}
	}
	return c.maybeCrash(id)
}

func (c *chaos) countLeader(term engine.Term) {
	if !c.terms[term] {
		c.terms[term] = true
		c.tally.leaders++
	}
}

// maybeDepose makes the life of leaders hard: without new leaders there is little to check.
func (c *chaos) maybeDepose(leader engine.NodeID) {
	if !c.happens(c.faults.depose) {
		return
	}
	how := c.random.IntN(4)
	if how == 0 {
		c.crash(leader)
		return
	}
	for _, id := range c.cluster.IDs() {
		if id != leader && how != 1 {
			c.cluster.Cut(leader, id)
		}
		if id != leader && how != 2 {
			c.cluster.Cut(id, leader)
		}
	}
}

// work lets client, disk and state machine of a node do something.
func (c *chaos) work(id engine.NodeID) {
	if c.happens(c.faults.propose) {
		c.propose(id)
	}
	if c.stalled[id] {
		c.stalled[id] = !c.happens(0.1)
	} else {
		c.stalled[id] = c.happens(c.faults.stallDisk)
	}
	if writes := c.cluster.Writes(id); writes > 0 && !c.stalled[id] && c.happens(c.faults.sync) {
		c.cluster.Sync(id, 1+c.random.IntN(writes))
	}
	if c.happens(c.faults.confirm) {
		c.cluster.Confirm(id)
	}
	if waiting := c.cluster.Waiting(id); waiting > 0 && c.happens(c.faults.apply) {
		count := 1 + c.random.IntN(waiting)
		c.tally.applied += count
		c.cluster.Apply(id, count)
	}
}

func (c *chaos) propose(id engine.NodeID) {
	commands := make([][]byte, 1+c.random.IntN(3))
	c.proposals++
	for i := range commands {
		commands[i] = fmt.Appendf(nil, "%d-%d", c.proposals, i)
	}
	_, _ = c.cluster.Propose(id, commands...) // the cluster remembers what is wrong
}

func (c *chaos) maybeCrash(id engine.NodeID) error {
	wipe := c.happens(c.faults.wipe) && c.mayWipe(id)
	if !wipe && !c.happens(c.faults.crash) || !c.cluster.Running(id) {
		return nil
	}
	c.crash(id)
	if wipe {
		c.countWipe(id)
		return c.cluster.Wipe(id, c.comesBackAsFounder(id))
	}
	return nil
}

// crash leaves a random part of the writes under way on the disk, and the commit index only sometimes.
func (c *chaos) crash(id engine.NodeID) {
	c.tally.crashes++
	if err := c.cluster.Crash(id, c.random.IntN(c.cluster.Writes(id)+1)); err == nil && c.happens(c.faults.forget) {
		c.cluster.ForgetCommit(id)
	}
}

// mayWipe keeps a majority of voters with their first disk: without one no protocol can go on. It also keeps the rule
// of R15: a founder that loses its disk cannot be told from one that never had anything, before a majority of the
// others holds the committed entry that binds it.
func (c *chaos) mayWipe(id engine.NodeID) bool {
	if c.changes.on {
		return c.viable([]engine.NodeID{id}, engine.Membership{})
	}
	return c.wiped[id] || len(c.wiped) < (c.size-1)/2 && c.holders(id, id) > c.size/2
}

func (c *chaos) countWipe(id engine.NodeID) {
	c.tally.wipes++
	if c.early && !c.wiped[id] {
		c.tally.earlyWipes++
		c.stuck = c.stuck || c.holders(id, c.cluster.IDs()...) <= c.size/2
	}
	c.wiped[id] = true
}

// holders counts the nodes with their first disk, other than the one named first, that know it to be committed that
// the others named are bound.
func (c *chaos) holders(besides engine.NodeID, bound ...engine.NodeID) int {
	count := 0
	for _, id := range c.cluster.IDs() {
		membership := c.appliedMembership(id)
		if id == besides || c.wiped[id] {
			continue
		}
		if !slices.ContainsFunc(bound, func(id engine.NodeID) bool {
			member, _ := membership.Lookup(id)
			return member.Incarnation == 0
		}) {
			count++
		}
	}
	return count
}

// appliedMembership returns the newest membership that a node's machine was given in this life.
func (c *chaos) appliedMembership(id engine.NodeID) engine.Membership {
	for _, entry := range slices.Backward(c.cluster.Applied(id)) {
		if entry.Kind == engine.EntryConfiguration {
			configuration, err := engine.DecodeConfiguration(entry.Data)
			if err == nil {
				return configuration.Membership
			}
		}
	}
	return engine.Membership{}
}
