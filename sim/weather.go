package sim

import "github.com/yggr-go/yggr/engine"

// tick is the length of an engine's tick, by its own clock.
const tick = 50 * millisecond

const (
	microsecond engine.Duration = 1000
	millisecond                 = 1000 * microsecond
)

// Weather is what a whole run is like.
type Weather struct {
	Default bool // nothing about it is unusual

	heartbeat, electionMin, electionMax int // ticks
	uneven                              int // ticks by which the timeouts of nodes may differ
	salt                                uint64
	lease, preVote                      bool
	greedy                              bool // leases are as long as each node's own timeouts allow
	limits                              limits
	batchTicks, batchEntries            int

	latency, jitter                 engine.Duration // of a message
	drop, duplicate, delay, jumbled float64         // of a message: lost, repeated, held for long, or overtaken
	held                            float64         // of a message into a cut: it comes later
	lateTick                        float64
	diskLatency, applyLatency       engine.Duration
	groupCommit                     int // writes that one sync covers at most
	segmentSize                     int64
	disks                           diskWeather
	drift                           bool
	hintEntries, trailing, pinned   int
	snapshotBytes, chunkBytes       int
	chunkLoss, chunkDamage          float64 // of a chunk of a snapshot
	broken, noRoom                  float64 // of a chunk: the transfer ends; of a transfer: there is no room
	slowTransfers, busyKeeper       float64 // of a transfer, and of what the keeper of snapshots is told to do
	slowRestore                     float64
	failedKeeping, cutKeeping       float64 // of what is done with files of snapshots
	interruptedRecovery             float64 // crashes while a node starts
	flickering                      float64 // new machines that lose power again and again
	failedStart, litter             float64 // of a start: the device fails, a stray file lies there
	largeValues                     float64 // commands that take several sectors
	gap                             engine.Duration
	weights                         [injectionKinds]float64
	total                           float64
}

// limits are the engines' windows; zero: the defaults.
type limits struct{ appendEntries, inflight, applyEntries, unappliedBytes int }

// drawWeather makes three of five seeds default ones. In the others each fault is there or not, and as hard as may be.
func drawWeather(seed uint64) Weather {
	c := stream(seed, ofWeather)
	w := fairWeather()
	w.heartbeat = 1 + c.intN(2)
	w.electionMin = w.heartbeat + 2 + c.intN(3)
	w.electionMax = w.electionMin + 2 + c.intN(4)
	w.lease = c.happens(0.5)
	w.hintEntries, w.trailing = 10+c.intN(30), c.intN(12)
	w.chunkBytes = 64 + c.intN(400)
	w.snapshotBytes = 200 + c.intN(1200)
	w.segmentSize = pick(&c, []int64{16 << 10, 32 << 10, 64 << 10})
	if w.Default = c.happens(0.6); !w.Default {
		w.swarm(&c)
	}
	w.disks = drawDiskWeather(seed, w.segmentSize)
	values := stream(seed, ofWeather, 4)
	w.largeValues = pick(&values, []float64{0.05, 0.4})
	w.captureOften(seed)
	w.sum()
	return w
}

// fairWeather is the default: everything may go wrong, nothing often.
func fairWeather() Weather {
	return Weather{
		preVote: true, drift: true,
		latency: 500 * microsecond, jitter: 4 * millisecond,
		drop: 0.01, duplicate: 0.01, delay: 0.003, jumbled: 0.02, held: 0.03, lateTick: 0.05,
		diskLatency: 2 * millisecond, applyLatency: millisecond, groupCommit: 1 << 20,
		pinned: 1 << 20, chunkLoss: 0.05, chunkDamage: 0.01, broken: 0.02, noRoom: 0.05, interruptedRecovery: 0.05,
		flickering: 0.2, failedStart: 0.1, litter: 0.05,
		slowTransfers: 0.25, busyKeeper: 0.2, slowRestore: 0.1, failedKeeping: 0.02, cutKeeping: 0.02,
		gap: tick, weights: defaultWeights,
	}
}

// swarm turns each fault off or makes it easier or harder than by default, and sets the engines' options.
func (w *Weather) swarm(c *chance) {
	for kind := range w.weights {
		if injection(kind).isFault() {
			w.weights[kind] *= swarmed(c)
		} else {
			w.weights[kind] *= 0.3 + 1.5*c.float()
		}
	}
	for _, p := range []*float64{
		&w.drop, &w.duplicate, &w.delay, &w.jumbled, &w.held, &w.lateTick, &w.interruptedRecovery,
		&w.chunkLoss, &w.chunkDamage, &w.broken, &w.noRoom, &w.slowTransfers, &w.busyKeeper, &w.slowRestore, &w.failedKeeping, &w.cutKeeping,
	} {
		*p = min(0.3, *p*swarmed(c))
	}
	w.jitter = c.between(0, 30*millisecond)
	w.diskLatency, w.applyLatency = c.between(100*microsecond, 30*millisecond), c.between(10*microsecond, 20*millisecond)
	w.groupCommit = pick(c, []int{1, 2, 5, 1 << 20})
	w.gap = c.between(tick/4, 2*tick)
	w.drift = c.happens(0.5)
	w.pinned = pick(c, []int{0, 500, 1 << 20})
	w.uneven = c.intN(3)
	w.hintEntries, w.trailing = 2+c.intN(40), c.intN(2)*c.intN(20)
	if w.preVote = c.happens(0.8); !w.preVote {
		w.lease = false
	}
	if c.happens(0.3) {
		w.limits = limits{1 + c.intN(4), 1 + c.intN(4), 1 + c.intN(8), 400 + c.intN(4000)}
	}
	if c.happens(0.2) {
		w.batchTicks, w.batchEntries = 1+c.intN(3), 1+c.intN(20)
	}
	for _, p := range []*float64{&w.flickering, &w.failedStart, &w.litter} {
		*p = min(0.5, *p*swarmed(c))
	}
	w.patient(c)
}

// swarmed is zero in two of five cases, and otherwise between a quarter and eight.
func swarmed(c *chance) float64 {
	if c.happens(0.4) {
		return 0
	}
	factor := 0.25
	for range c.intN(6) {
		factor *= 2
	}
	return factor
}

func (w *Weather) sum() {
	w.total = 0
	for _, weight := range w.weights {
		w.total += weight
	}
}

// timeout returns the minimum election timeout of a node, in ticks. It never changes, as leases demand.
func (w *Weather) timeout(id engine.NodeID) int {
	return w.electionMin + int(scrambled(uint64(id)+w.salt)&0xff)%(w.uneven+1)
}

// configure sets what of an engine's configuration the weather decides.
func (w *Weather) configure(cfg *engine.Config) {
	longer := w.timeout(cfg.ID) - w.electionMin
	cfg.TickInterval = tick
	cfg.HeartbeatIntervalTicks, cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks = w.heartbeat, w.electionMin+longer, w.electionMax+longer
	cfg.PreVote = w.preVote
	if lease := w.leaseOf(longer); w.lease && lease > 0 {
		cfg.LeaseDurationTicks = lease
	}
	cfg.MaxBatchDelayTicks = w.batchTicks
	if w.batchTicks > 0 {
		cfg.MaxBatchEntries = w.batchEntries
	}
	if l := w.limits; l.inflight > 0 {
		cfg.MaxAppendEntries, cfg.MaxInflightAppends = l.appendEntries, l.inflight
		cfg.MaxAppendBytes, cfg.TrailingLogBytes = 50*l.appendEntries, 50*l.applyEntries
		cfg.MaxApplyEntries, cfg.MaxUnappliedBytes = l.applyEntries, l.unappliedBytes
	}
	cfg.SnapshotHintEntries, cfg.MaxLogEntries, cfg.SnapshotHintBytes = w.hintEntries, 2*w.hintEntries, 100*w.hintEntries
	cfg.TrailingLogEntries, cfg.MaxPinnedBytes = w.trailing, w.pinned
}

// promise is what a node's handshake tells of its election timeout.
func (w *Weather) promise(id engine.NodeID) engine.Duration {
	return engine.Duration(w.timeout(id)) * tick
}
