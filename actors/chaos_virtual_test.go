package actors_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/testkit"
)

var (
	chaosSeeds = flag.Int("chaos.seeds", 16, "how many seeds of chaos to run")
	chaosFirst = flag.Uint64("chaos.first", 0, "the first seed of chaos")
)

// Anything that can happen to a node happens, to several at once; then it ends, and everything has to come to rest: a
// leader, equal machines, and a true answer to every proposal.
func TestClusterSurvivesChaosAndAnswersTruly(t *testing.T) {
	for i := range *chaosSeeds {
		seed := *chaosFirst + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := &chaos{
				random: rand.New(rand.NewPCG(seed, 4)),
				virtual: newVirtualOf(t, testkit.Options{
					Seed: seed, Nodes: 3 + 2*int(seed%2),
					Configure: func(cfg *actors.Config) { cfg.MaxPendingProposals = 100 },
				}),
			}
			c.Loop.Watch(c.panicIfArmed)
			for range 100 {
				c.step()
			}
			c.heal()
			c.Loop.Advance(5 * electionTimeoutMax)
			c.AwaitLeader()
			before := c.reign()
			c.Write(1 << 40)
			c.Loop.Advance(5 * electionTimeoutMax)
			require.Equal(t, before, c.reign(), "leadership moved in peace")
			c.AwaitApplied()
			c.requireHonest()
			for _, id := range c.Nodes() {
				require.Equal(t, c.Applied(1), c.Applied(id), "%v", id)
			}
		})
	}
}

type chaos struct {
	*virtual
	random *rand.Rand
	armed  testkit.Place // who panics over its next message
}

// step does something to the cluster and lets up to a few election timeouts pass, with clients at work.
func (c *chaos) step() {
	id := engine.NodeID(1 + c.random.IntN(len(c.Nodes())))
	switch c.random.IntN(13) {
	case 0, 1:
		c.crashOrRestart(id)
	case 2:
		if !c.Down(id) {
			c.resumeAll() // a disk that hangs cannot be closed
			c.Stop(id)
		}
	case 3, 4:
		c.Loop.Stall(c.anyPlace(id))
	case 5:
		c.resumeAll()
	case 6:
		c.Network.Partition(id)
	case 7:
		c.Network.Cut(id, engine.NodeID(1+c.random.IntN(len(c.Nodes()))))
	case 8, 9:
		c.Network.Heal()
	case 10:
		odds := c.random.Float64() / 2
		c.Network.Drop(func(engine.NodeID, engine.NodeID, engine.Message) bool { return c.random.Float64() < odds })
	case 11:
		c.armed = c.anyPlace(id)
	case 12:
		c.Network.Drop(nil)
		c.Network.SetLatency(id, 0, 0, time.Duration(c.random.Int64N(int64(300*time.Millisecond))))
	}
	for range c.random.IntN(20) {
		c.propose(engine.NodeID(1 + c.random.IntN(len(c.Nodes()))))
		c.Loop.Advance(time.Duration(c.random.Int64N(int64(100 * time.Millisecond))))
	}
}

// panicIfArmed panics in an actor's place, over one of the node's own messages. Handlers of the life cycle guard
// themselves, but not against somebody who comes before them; and what the driver loses before it has it cannot be
// answered.
func (c *chaos) panicIfArmed(d testkit.Delivery) {
	message := reflect.TypeOf(d.Message).String()
	if d.To != c.armed || !strings.HasPrefix(message, "*actors.") || message == "*actors.naturalBatch" ||
		message == "*actors.shutdownRequested" {
		return
	}
	c.armed = testkit.Place{}
	panic("injected")
}

func (c *chaos) crashOrRestart(id engine.NodeID) {
	switch {
	case c.Down(id):
		c.Restart(id)
	case c.random.IntN(2) == 0:
		c.Crash(id)
	default:
		c.CrashAt(id, 1+c.random.IntN(20))
	}
}

func (c *chaos) anyPlace(id engine.NodeID) testkit.Place {
	names := []string{testkit.Driver, testkit.Ticker, testkit.Disk, testkit.Apply, testkit.Transport}
	return c.place(id, names[c.random.IntN(len(names))])
}

func (c *chaos) resumeAll() {
	for _, id := range c.Nodes() {
		for _, name := range []string{testkit.Driver, testkit.Ticker, testkit.Disk, testkit.Apply, testkit.Transport} {
			c.Loop.Resume(c.place(id, name))
		}
	}
}

// heal ends every trouble.
func (c *chaos) heal() {
	c.resumeAll()
	c.armed = testkit.Place{}
	c.Network.Heal()
	c.Network.Drop(nil)
	c.Loop.Advance(time.Second) // nodes that are failing come to their end
	for _, id := range c.Nodes() {
		c.Network.SetLatency(id, 0, 100*time.Microsecond, time.Millisecond)
		if c.Failure(id) != nil {
			c.Crash(id) // as a process that is started again when its node has failed
		}
		if c.Down(id) {
			c.Restart(id)
		}
		c.CrashAt(id, 0)
	}
}
