package sim

import (
	"errors"

	"github.com/yggr-go/yggr/engine"
)

// misconfigure lets an operator get the configuration of a node wrong now and then, by as little as may be. The node must
// say so and not start; it is put right at once.
func (w *world) misconfigure(n *node, cfg engine.Config, recovered engine.Recovered) {
	c := stream(w.options.Seed, ofConfiguration, uint64(n.id), uint64(n.life))
	if w.over || !c.happens(0.1) {
		return
	}
	w.counters.Faults[Misconfigured]++
	switch c.intN(5) {
	case 0:
		cfg.ElectionTimeoutMaxTicks = cfg.ElectionTimeoutMinTicks + 1
	case 1:
		cfg.PreVote, cfg.LeaseDurationTicks = true, cfg.ElectionTimeoutMinTicks-cfg.HeartbeatIntervalTicks
	case 2:
		cfg.PreVote, cfg.LeaseDurationTicks = false, 1
	case 3:
		cfg.HeartbeatIntervalTicks = cfg.ElectionTimeoutMinTicks
	default:
		cfg.Incarnation = 0
	}
	if _, err := engine.New(cfg, recovered); !errors.Is(err, engine.ErrInvalidConfig) {
		w.failf("configuration", "%v starts with timeouts of %d to %d ticks, heartbeats every %d, leases of %d (pre-vote: %t, incarnation %d): %v",
			n.id, cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks, cfg.HeartbeatIntervalTicks, cfg.LeaseDurationTicks,
			cfg.PreVote, cfg.Incarnation, err)
	}
}
