package actors_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// diskStep is how many operations of a disk TestNothingLeavesAFailingDisk goes on by from one run to the next. With some
// hundred operations in a run it takes minutes to try every one.
var diskStep = flag.Int("disk.step", 97, "from one failing operation to the next, 1 for every one")

// The disk of one node fails at every operation after the node was made, each in a run of its own: in an election, with
// the node as a leader and as a follower. Nothing that says more than the disk holds ever leaves the node, and nothing at
// all once it has failed. The place is refused to this process. The next process finds what was acknowledged, and the
// cluster goes on with it.
func TestNothingLeavesAFailingDisk(t *testing.T) {
	for name, fault := range map[string]persistence.Fault{
		"on fire":              {Err: syscall.EIO, Short: 700},
		"full":                 {Err: syscall.ENOSPC, Short: 5000},
		"done, said to be not": {Err: syscall.EIO, Done: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roles, checked := map[engine.Role]int{}, 0
			for seed := range uint64(2) {
				for n := 0; ; n += *diskStep {
					d := &failingDisk{t: t, fault: fault, n: n, inner: persistence.NewMemFS()}
					if !d.run(seed) {
						break
					}
					checked += d.checked
					if d.failed {
						roles[d.role]++
					}
				}
			}
			t.Logf("failed as %v; %d messages were held to the disk", roles, checked)
			require.Positive(t, roles[engine.Leader])
			require.Positive(t, roles[engine.Follower])
			require.Greater(t, checked, 200)
		})
	}
}

// failingDisk is the disk of the first node, and what is known of the node.
type failingDisk struct {
	*persistence.Dir
	t       *testing.T
	v       *virtual
	fault   persistence.Fault
	n       int // operations that go well
	inner   *persistence.MemFS
	fsys    *persistence.FaultFS
	created bool
	count   int // operations since then

	role    engine.Role // of the node at the time of the fault; a follower's while the cluster is being founded
	failed  bool        // the node
	checked int         // messages
	problem error
}

const victim engine.NodeID = 1

// Create implements [persistence.Opener].
func (d *failingDisk) Create(id persistence.Identity, state engine.HardState, first []engine.Entry) (persistence.Storage, error) {
	s, err := d.Dir.Create(id, state, first)
	d.created = true
	return s, err
}

func (d *failingDisk) directory(fsys persistence.FS) *persistence.Dir {
	random := rand.New(rand.NewPCG(uint64(d.n), uint64(d.count)))
	return persistence.NewDir(fsys, "data", persistence.Options{SegmentSize: 16 << 10, Random: random.Uint64})
}

// operation counts those of the running node, and has the n-th fail.
func (d *failingDisk) operation(op persistence.Op, path string) {
	if !d.created {
		return
	}
	if d.count++; d.count == d.n+1 {
		d.fault.Op, d.fault.Path = op, path
		if d.v != nil {
			d.role = d.v.Status(victim).Role
		}
		d.fsys.Fail(d.fault)
	}
}

// run reports whether there is an n-th operation.
func (d *failingDisk) run(seed uint64) bool {
	d.fsys = persistence.NewFaultFS(d.inner, d.operation)
	d.Dir = d.directory(d.fsys)
	var storage persistence.Opener = d
	d.v = newVirtual(d.t, seed, func(cfg *actors.Config) {
		if cfg.ID == victim {
			cfg.Storage = storage
		}
	})
	d.v.Network.Drop(d.watch)
	d.v.Await("two nodes to be of use", func() bool { return d.v.Leader() != 0 })
	for range 6 {
		d.v.proposeEvery(20*time.Millisecond, 100*time.Millisecond, d.v.AwaitLeader(), nil)
	}
	d.v.Network.Drop(nil)
	require.NoError(d.t, d.problem, d)
	cause := d.v.Failure(victim)
	if d.failed = cause != nil; d.failed {
		require.ErrorIs(d.t, cause, d.fault.Err, d)
		if !strings.HasPrefix(d.fault.Path, "data/snapshots") { // nothing in there is trusted before it was read again
			require.ErrorIs(d.t, cause, persistence.ErrPoisoned, d)
			_, err := d.directory(d.fsys).Open(persistence.Identity{})
			require.ErrorIs(d.t, err, persistence.ErrPoisoned, d)
		}
		d.v.Stop(victim)
		storage = d.directory(d.inner.Crash(rand.New(rand.NewPCG(seed, uint64(d.n))))) // in another process
		d.v.Restart(victim)
		d.v.Write(1 << 40)
	}
	d.v.AwaitApplied()
	d.v.requireHonestOn(d.v.Others(victim)[0])
	return d.count > d.n
}

// String tells which operation failed.
func (d *failingDisk) String() string {
	return fmt.Sprintf("operation %d, %s %s", d.n, d.fault.Op, d.fault.Path)
}

// watch sees every message that leaves and loses none.
func (d *failingDisk) watch(from, to engine.NodeID, message engine.Message) bool {
	if from != victim || d.problem != nil {
		return false
	}
	if d.v.Failure(victim) != nil {
		d.problem = fmt.Errorf("%T left after %w", message, d.v.Failure(victim))
		return false
	}
	if claims(message) {
		d.checked++
		d.problem = d.overstated(to, message)
	}
	return false
}

// claims reports whether a message says something of its sender's disk.
func claims(message engine.Message) bool {
	switch m := message.(type) {
	case *engine.AppendEntriesResponse:
		return m.Accepted
	case *engine.RequestVoteResponse:
		return m.Granted
	case *engine.RequestVote, *engine.AppendEntries, *engine.Heartbeat:
		return true
	default:
		return false
	}
}

// powerLoss loses everything that is not synced.
type powerLoss struct{}

func (powerLoss) Uint64() uint64 { return 0 }

// overstated compares a message with what a power loss right now would leave on the disk.
func (d *failingDisk) overstated(to engine.NodeID, message engine.Message) error {
	found, err := persistence.Inspect(d.inner.Crash(rand.New(powerLoss{})), "data")
	if err != nil {
		return err
	}
	durable := found.Groups[0]
	last := durable.Base.Index + engine.Index(len(durable.Entries))
	var term engine.Term
	switch m := message.(type) {
	case *engine.AppendEntriesResponse:
		if m.Match > last {
			return fmt.Errorf("acknowledged %d of a log that ends at %d on the disk", m.Match, last)
		}
		term = m.Term
	case *engine.RequestVoteResponse:
		if h := durable.HardState; h.Term == m.Term && h.Vote != to {
			return fmt.Errorf("granted %v its vote of term %d, the disk says %v", to, m.Term, h)
		}
		term = m.Term
	case *engine.RequestVote:
		term = m.Term
	case *engine.AppendEntries:
		term = m.Term
	case *engine.Heartbeat:
		term = m.Term
	default:
		return errors.New("a message that claims nothing")
	}
	if term > durable.HardState.Term {
		return fmt.Errorf("%T of term %d, the disk is at %d", message, term, durable.HardState.Term)
	}
	return nil
}
