package sim

import (
	"math"

	"github.com/yggr-go/yggr/engine"
)

// injection is a kind of what the schedule puts into a run.
type injection uint8

const (
	injectProposal injection = iota
	injectBatch
	injectRead
	injectChange
	injectTransfer
	injectCapture
	injectPowerLoss
	injectKill
	injectFailedSync
	injectStall
	injectSlowDisk
	injectPause
	injectSplit
	injectOneWay
	injectBridge
	injectIsolation
	injectWipe
	injectRetirement
	injectFlicker
	injectRot
	injectCrashAtFiles
	injectFullDisk
	injectReadding
	injectReplacement
	injectHaste
	injectAnnouncement
	injectStrike
	injectIsland
	injectCongestion
	injectLongOutage
	injectMislabel
	injectHardTransfer
	injectToAndFro
	injectSilentRemoved
	injectionKinds
)

var injectionNames = [injectionKinds]string{
	"proposal", "batch", "read", "membership change", "transfer of leadership", "capture", "power loss", "kill",
	"failed sync", "stalled disk", "slow disk", "pause", "partition", "one-way cut", "bridge", "leader cut off",
	"wiped disk", "retirement", "flickering machine", "rotting disk", "crash in a change of files", "full disk",
	"member added again", "member replaced", "promotion in haste", "member added before its start", "candidate struck", "operator on an island",
	"congestion", "long outage", "wrong label",
	"transfer in trouble", "leadership to and fro", "silent voter removed",
}

// String names the kind.
func (k injection) String() string { return injectionNames[k] }

// isFault tells faults from what clients and operators do.
func (k injection) isFault() bool { return k >= injectPowerLoss }

var defaultWeights = [injectionKinds]float64{
	injectProposal: 40, injectBatch: 12, injectRead: 25, injectChange: 8, injectTransfer: 1.5, injectCapture: 1,
	injectPowerLoss: 1.5, injectKill: 1, injectFailedSync: 0.3, injectStall: 0.7, injectSlowDisk: 0.7, injectPause: 0.7,
	injectSplit: 0.7, injectOneWay: 0.7, injectBridge: 0.5, injectIsolation: 1, injectWipe: 0.4,
	injectRetirement: 0.3, injectFlicker: 0.6, injectRot: 0.6, injectCrashAtFiles: 1, injectFullDisk: 0.3,
	injectReadding: 0.5, injectReplacement: 0.3, injectHaste: 0.5, injectAnnouncement: 0.2, injectStrike: 0.6, injectIsland: 0.4,
	injectCongestion: 3.5, injectLongOutage: 0.3, injectMislabel: 0.2,
	injectHardTransfer: 1.2, injectToAndFro: 0.6, injectSilentRemoved: 0.6,
}

// Injection is one entry of a run's schedule.
type Injection struct {
	Number int            // from zero
	At     engine.Instant // virtual time
	Kind   string
	kind   injection
	chance chance
}

// schedule is the endless list of a seed's injections. What one of them is does not depend on which others happen.
type schedule struct {
	seed    uint64
	weather *Weather
	number  int
	at      engine.Instant
}

// next returns the next injection.
func (s *schedule) next() Injection {
	c := stream(s.seed, ofInjection, uint64(s.number))
	s.at += engine.Instant(float64(s.weather.gap) * -math.Log(1-c.float()))
	i := Injection{Number: s.number, At: s.at, kind: s.draw(&c)}
	i.Kind, i.chance = i.kind.String(), c
	s.number++
	return i
}

func (s *schedule) draw(c *chance) injection {
	left := c.float() * s.weather.total
	for kind, weight := range s.weather.weights {
		if left < weight {
			return injection(kind)
		}
		left -= weight
	}
	return injectProposal
}
