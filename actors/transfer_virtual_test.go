package actors_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
	"github.com/yggr-go/yggr/testkit"
)

// pile is a machine whose state grows by a page with each command. The page tells which command it was.
type pile struct{ sheets []uint64 }

const pageSize = 1 << 10

func (p *pile) Apply(_ statemachine.ApplyContext, command uint64) uint64 {
	p.sheets = append(p.sheets, command)
	return uint64(len(p.sheets))
}

func (p *pile) Snapshot() (statemachine.Snapshot, error) {
	return pileState(slices.Clip(p.sheets)), nil
}

func (p *pile) Restore(body io.Reader) error {
	for page := make([]byte, pageSize); ; {
		switch _, err := io.ReadFull(body, page); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		sheet := binary.LittleEndian.Uint64(page)
		if string(page) != string(pageOf(sheet)) {
			return fmt.Errorf("page of %d is damaged", sheet)
		}
		p.sheets = append(p.sheets, sheet)
	}
}

func pageOf(sheet uint64) []byte {
	page := make([]byte, pageSize)
	for at := range page {
		page[at] = byte(sheet * uint64(at))
	}
	binary.LittleEndian.PutUint64(page, sheet)
	return page
}

type pileState []uint64

func (s pileState) WriteTo(w io.Writer) (written int64, err error) {
	for _, sheet := range s {
		n, err := w.Write(pageOf(sheet))
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (pileState) Release() {}

// archive is a cluster in virtual time whose machines are piles.
type archive struct {
	*testkit.Cluster[uint64, uint64]
	t       *testing.T
	written uint64
}

// newArchive founds a cluster of three that takes a snapshot every 50 commands and keeps 10 entries behind it.
func newArchive(t *testing.T, options testkit.Options) *archive {
	t.Helper()
	configure := options.Configure
	options.Configure = func(cfg *actors.Config) {
		cfg.SnapshotHintEntries, cfg.TrailingLogEntries, cfg.SnapshotChunkBytes = 50, 10, 1<<10
		if configure != nil {
			configure(cfg)
		}
	}
	piles := statemachine.Definition[uint64, uint64]{
		New:   func() statemachine.Machine[uint64, uint64] { return &pile{} },
		Codec: Codec{},
	}
	return &archive{t: t, Cluster: testkit.NewCluster(t, piles, options)}
}

// fill writes so many pages, one after the other.
func (a *archive) fill(pages int) {
	a.t.Helper()
	for range pages {
		a.written++
		a.Write(a.written)
	}
}

// offer proposes a page to whoever leads, and does not ask what came of it.
func (a *archive) offer() {
	if leader := a.Leader(); leader != 0 {
		a.written++
		a.Propose(leader, a.written)
	}
}

// agree waits until every node has everything, and holds that all piles are the same.
func (a *archive) agree() {
	a.t.Helper()
	a.AwaitApplied()
	height := func(id engine.NodeID) int {
		p, ok := a.Machine(id).(*pile)
		if !ok {
			return -1 // it has just been started
		}
		return len(p.sheets)
	}
	a.Await("all piles to be as high", func() bool {
		for _, id := range a.Nodes() {
			if height(id) < 0 || height(id) != height(a.Nodes()[0]) {
				return false
			}
		}
		return true
	})
	for _, id := range a.Nodes() {
		require.Equal(a.t, a.Machine(1).(*pile).sheets, a.Machine(id).(*pile).sheets, "pile of %v", id)
	}
}

// received returns how many snapshots of others a node was restored from in its present life.
func (a *archive) received(id engine.NodeID) uint64 {
	return a.Metrics(id).Engine.SnapshotsInstalled
}

// follower returns a node that does not lead.
func (a *archive) follower() engine.NodeID { return a.Others(a.AwaitLeader())[0] }

// behind cuts a follower off while so many pages are written, and lets it come back.
func (a *archive) behind(pages int) engine.NodeID { return a.behindAs(a.follower(), pages) }

func (a *archive) behindAs(follower engine.NodeID, pages int) engine.NodeID {
	a.t.Helper()
	a.Network.Partition(follower)
	a.fill(pages)
	a.Network.Heal()
	return follower
}

// A new node gets a snapshot and then the log behind it, while writes go on and nobody stands for election.
func TestALearnerCatchesUpBySnapshotWhileWritesGoOn(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 1})
	a.fill(300)
	leader, term := a.AwaitLeader(), a.Status(a.AwaitLeader()).Term
	a.Network.SetChunkRate(100 << 10) // three seconds
	learner := a.Enlist()
	a.Restart(learner)
	a.Change(engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: learner})
	for range 500 {
		a.offer()
		a.Loop.Advance(10 * time.Millisecond)
	}
	a.Network.SetChunkRate(0)
	a.agree()
	require.EqualValues(t, 1, a.received(learner))
	require.Equal(t, leader, a.Leader())
	require.Equal(t, term, a.Status(leader).Term, "an election")
}

func TestAnIdleLeaderWithoutALogBringsANewNodeUp(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 2, Configure: func(cfg *actors.Config) { cfg.TrailingLogEntries = 0 }})
	learner := a.Enlist()
	a.Change(engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: learner})
	a.fill(100)
	leader := a.AwaitLeader()
	a.Await("an empty log", func() bool {
		if s := a.Status(leader); s.Base.Index == s.Last.Index {
			return true
		}
		a.offer()
		a.Loop.Advance(100 * time.Millisecond)
		return false
	})
	last := a.Status(leader).Last.Index
	a.Restart(learner)
	a.Await("the learner to catch up", func() bool { return a.Status(learner).Applied >= last })
	require.EqualValues(t, 1, a.received(learner))
	require.LessOrEqual(t, a.Status(leader).Last.Index, last+1, "only the entry that binds the learner")
	a.agree()
}

func TestAFollowerWithinTheTrailingLogGetsNoSnapshot(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 3, Configure: func(cfg *actors.Config) { cfg.TrailingLogEntries = 100 }})
	a.fill(120)
	for range 5 {
		follower := a.behind(60)
		a.agree()
		require.Zero(t, a.received(follower))
		require.NotZero(t, a.Metrics(a.AwaitLeader()).Snapshots.Taken)
	}
}

// By the time the snapshot has arrived the leader has cut its log many times, but not what comes behind that snapshot.
func TestATransferThatIsSlowerThanTheLogGrowsConverges(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 4})
	a.Network.SetChunkRate(50 << 10)
	follower := a.behind(300)
	taken := a.Metrics(a.AwaitLeader()).Snapshots.Taken
	begun := a.written
	a.Await("the snapshot to arrive", func() bool {
		a.offer()
		a.Loop.Advance(2 * time.Millisecond)
		return a.received(follower) > 0
	})
	require.Greater(t, a.written-begun, uint64(1000), "of 300 pages")
	require.Greater(t, a.Metrics(a.AwaitLeader()).Snapshots.Taken, taken+5)
	for range 500 {
		a.offer()
		a.Loop.Advance(2 * time.Millisecond)
	}
	a.agree()
	require.EqualValues(t, 1, a.received(follower))
}

func TestChunksThatAreLostAreSentAgain(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 5})
	random := rand.New(rand.NewPCG(5, 5))
	a.Network.DropChunks(func(_, _ engine.NodeID, _ *remote.Chunk) bool { return random.IntN(20) == 0 })
	follower := a.behind(200)
	a.agree()
	require.EqualValues(t, 1, a.received(follower))
}

// A network does not change bytes, but memory does: what arrives is compared with the label before anybody hears of it.
func TestASnapshotThatArrivesDamagedIsSentAnew(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 6})
	damaged := 0
	a.Network.DropChunks(func(_, _ engine.NodeID, chunk *remote.Chunk) bool {
		if chunk.Offset > 100<<10 && damaged == 0 {
			damaged++
			chunk.Data[17] ^= 1
		}
		return false
	})
	follower := a.behind(200)
	a.agree()
	require.Equal(t, 1, damaged)
	require.EqualValues(t, 1, a.received(follower))
	require.Greater(t, a.Metrics(a.AwaitLeader()).Transport.ChunkBytes, uint64(300<<10), "from the beginning")
}

func TestAFullDiskOfTheReceiverDelaysOnlyTheTransfer(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 7})
	a.fill(200)
	follower := a.follower()
	for range 20 { // each costs an election timeout
		a.Disk(follower).Fail(persistence.Fault{Op: persistence.OpWrite, Path: "receive-", Err: errors.New("no space left")})
	}
	a.behindAs(follower, 100)
	a.Loop.Advance(5 * time.Second)
	require.Zero(t, a.received(follower))
	require.NoError(t, a.Failure(follower))
	a.agree()
	require.EqualValues(t, 1, a.received(follower))
}

// It ends for good: another snapshot is taken, though nobody writes, and sent instead.
func TestAFileOfTheSenderThatCannotBeReadEndsTheTransfer(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 8})
	a.fill(200)
	leader := a.AwaitLeader()
	follower := a.follower()
	a.Network.Partition(follower)
	a.fill(100)
	a.Loop.Advance(time.Second)
	for _, name := range a.Files(leader) {
		for range 1000 { // for ever: each costs an election timeout
			if strings.HasSuffix(name, ".snap") {
				a.Disk(leader).Fail(persistence.Fault{Op: persistence.OpRead, Path: name, Err: errors.New("input/output error")})
			}
		}
	}
	a.Network.Heal()
	a.Loop.Advance(10 * time.Second)
	require.EqualValues(t, 1, a.received(follower))
	require.NoError(t, a.Failure(leader))
	require.Equal(t, leader, a.Leader())
	a.fill(100)
	a.agree()
	require.EqualValues(t, 1, a.received(follower))
}

func TestAChunkOfAnotherTransferIsNoPartOfThisOne(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 10})
	foreign := 0
	a.Network.DropChunks(func(_, _ engine.NodeID, chunk *remote.Chunk) bool {
		if chunk.Offset == 0 && foreign == 0 {
			foreign++
			chunk.Transfer++
			chunk.Data[600] ^= 1
		}
		return false
	})
	follower := a.behind(300)
	a.agree()
	require.EqualValues(t, 1, a.received(follower))
	require.Less(t, a.Metrics(a.AwaitLeader()).Transport.ChunkBytes, uint64(500<<10), "300 pages were sent more than once")
}

// A sweep that was ordered before a snapshot was expected would remove it when it is complete.
func TestASnapshotIsNotExpectedWhileASweepIsUnderWay(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 11})
	a.fill(100)
	follower := a.follower()
	a.Crash(follower)
	a.fill(200)
	a.Loop.Stall(testkit.Place{Node: follower, Name: testkit.Snapshots})
	a.Network.Partition(follower)
	a.Restart(follower)
	a.Loop.Advance(time.Second) // the sweep of its start is ordered
	a.Network.Heal()
	a.Loop.Advance(5 * time.Second)
	require.Zero(t, a.received(follower))
	a.Loop.Resume(testkit.Place{Node: follower, Name: testkit.Snapshots})
	a.agree()
	require.EqualValues(t, 1, a.received(follower))
}

// One that is ordered meanwhile keeps what is arriving.
func TestASweepKeepsTheSnapshotThatIsArriving(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 12})
	a.Network.SetChunkRate(200 << 10)
	accepted := false
	a.Network.Drop(func(_, _ engine.NodeID, message engine.Message) bool {
		m, ok := message.(*engine.SnapshotOfferResponse)
		accepted = accepted || ok && m.Verdict == engine.SnapshotAccepted
		return false
	})
	a.fill(100)
	follower := a.behind(300)
	a.Await("a transfer", func() bool { return accepted })
	a.Loop.Stall(testkit.Place{Node: follower, Name: testkit.Snapshots})
	a.TriggerSnapshot(follower)
	a.Await("the snapshot to arrive", func() bool { return a.received(follower) > 0 })
	a.Loop.Resume(testkit.Place{Node: follower, Name: testkit.Snapshots})
	a.agree()
	a.Crash(follower)
	a.Restart(follower)
	a.agree()
}

// The actor that moves snapshots is replaced alone, and what it was asked for is tried again.
func TestAPanicInTheMiddleOfATransferDelaysOnlyTheTransfer(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		a := newArchive(t, testkit.Options{Seed: seed})
		messages, panics := 0, 0
		a.Loop.Watch(func(d testkit.Delivery) {
			if d.To.Name != testkit.Transfers {
				return
			}
			if messages++; messages%(40*int(seed)) == 0 && panics < 3 {
				panics++
				panic("injected")
			}
		})
		follower := a.behind(300)
		a.agree()
		require.Equal(t, 3, panics)
		require.EqualValues(t, 1, a.received(follower))
	}
}

// Fifty times something ends a transfer in its middle: power cuts between two operations on the disk of either side,
// and cables that are cut. It always ends, with the same piles everywhere.
func TestATransferThatIsInterruptedFiftyTimesArrives(t *testing.T) {
	a := newArchive(t, testkit.Options{Seed: 9})
	random := rand.New(rand.NewPCG(9, 9))
	begun, resumed := 0, 0
	a.Network.Drop(func(_, _ engine.NodeID, message engine.Message) bool {
		if m, ok := message.(*engine.SnapshotOfferResponse); ok && m.Verdict == engine.SnapshotAccepted {
			begun++
			resumed += min(1, int(m.Offset))
		}
		return false
	})
	a.Network.SetChunkRate(200 << 10)
	follower := a.behind(300) // more than a second
	for interruptions := 0; interruptions < 50; {
		if a.Status(follower).Last.Index >= a.Status(a.AwaitLeader()).Base.Index { // entries catch it up
			follower = a.behind(100)
		}
		before := begun
		if a.Loop.Run(func() bool { return begun > before }, 5*time.Second) {
			interruptions++
		}
		a.Loop.Advance(time.Duration(random.IntN(1500)) * time.Millisecond)
		a.interrupt(random, follower)
	}
	a.agree()
	require.Greater(t, resumed, 10, "of %d", begun)
}

// interrupt ends what is under way between the leader and a follower in one of several ways, and mends it.
func (a *archive) interrupt(random *rand.Rand, follower engine.NodeID) {
	a.t.Helper()
	pause := time.Duration(random.IntN(1000)) * time.Millisecond
	victim := follower
	switch random.IntN(4) {
	case 0:
		a.Network.Partition(follower)
		a.Loop.Advance(3 * pause)
		a.Network.Heal()
		return
	case 1:
		victim = a.AwaitLeader()
	default:
	}
	a.CrashAt(victim, 1+random.IntN(60))
	if !a.Loop.Run(func() bool { return a.Down(victim) }, 2*time.Second) {
		a.Crash(victim)
	}
	a.Loop.Advance(pause)
	a.Restart(victim)
}
