package etcd

import (
	"errors"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/yggr-go/yggr/bench/workload"
)

// The settings of every host. Timeouts are those that this repository's nodes have by default.
const (
	tickInterval     = 50 * time.Millisecond
	electionTicks    = 10
	heartbeatTicks   = 3
	maxMessageSize   = 1 << 20
	maxInflight      = 512
	maxApplySize     = 8 << 20
	maxBatchEntries  = 1024
	maxBatchSize     = 1 << 20
	compactEvery     = 20_000 // entries
	compactRemaining = 5_000  // entries, as etcd keeps them for slow followers
)

// host runs one RawNode.
type host struct {
	id      uint64
	async   bool
	raft    *raft.RawNode
	memory  *raft.MemoryStorage
	log     *appendThread
	machine *applyThread
	network *network
	inbox   *inbox
	counter workload.Counter

	// Of the goroutine that owns raft.
	waiting     fifo   // proposed here and not yet committed, in log order
	leading     uint64 // the term in which this node leads; zero while it does not
	compacted   uint64
	scratch     []raftpb.Entry
	leaderHint  atomic.Uint64
	stopping    chan struct{}
	stopOnce    sync.Once
	stopFailure error          // written before stopping is closed
	running     sync.WaitGroup // every goroutine
	answering   sync.WaitGroup // those that hold proposals
}

func newConfig(id uint64, storage raft.Storage, async bool) *raft.Config {
	return &raft.Config{
		ID:                        id,
		ElectionTick:              electionTicks,
		HeartbeatTick:             heartbeatTicks,
		Storage:                   storage,
		MaxSizePerMsg:             maxMessageSize,
		MaxInflightMsgs:           maxInflight,
		MaxCommittedSizePerReady:  maxApplySize,
		MaxUncommittedEntriesSize: 1 << 30,
		PreVote:                   true,
		CheckQuorum:               true,
		DisableProposalForwarding: true,
		AsyncStorageWrites:        async,
		Logger:                    &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	}
}

// run owns the RawNode until the host stops.
func (h *host) run() {
	var w work
	for {
		select {
		case <-h.inbox.wake:
		case <-h.stopping:
			return
		}
		w = h.inbox.take(w)
		h.step(&w)
		for h.failure() == nil && h.raft.HasReady() {
			h.handle(h.raft.Ready())
		}
		h.compact()
	}
}

// step hands the work to raft: messages first, because they may answer clients and make room.
func (h *host) step(w *work) {
	if w.campaign {
		_ = h.raft.Campaign() // refused only where it makes no sense
	}
	for i := range w.messages {
		_ = h.raft.Step(w.messages[i]) // what raft does not accept it ignores
	}
	for _, id := range w.unreachable {
		h.raft.ReportUnreachable(id)
	}
	if w.tick {
		h.raft.Tick()
	}
	for batch := w.proposals; len(batch) > 0; {
		n := batchLength(batch)
		h.propose(batch[:n])
		batch = batch[n:]
	}
}

// batchLength returns how many of the proposals, at least one, go into one message.
func batchLength(batch []*proposal) int {
	size := 0
	for i, p := range batch {
		size += len(p.data)
		if i > 0 && (i >= maxBatchEntries || size > maxBatchSize) {
			return i
		}
	}
	return len(batch)
}

// propose appends a batch to the log in one step.
func (h *host) propose(batch []*proposal) {
	if h.raft.BasicStatus().RaftState != raft.StateLeader {
		fail(batch, errNotLeader)
		return
	}
	entries := h.scratch[:0]
	for _, p := range batch {
		entries = append(entries, raftpb.Entry{Data: p.data})
	}
	h.scratch = entries // raft copies what it appends
	err := h.raft.Step(raftpb.Message{Type: raftpb.MsgProp, From: h.id, Entries: entries})
	if err != nil {
		fail(batch, err)
		return
	}
	h.waiting.push(batch)
}

// observe follows changes of leadership. A proposal that waits when it is lost has an unknown end.
func (h *host) observe(state *raft.SoftState) {
	if state == nil {
		return
	}
	h.leaderHint.Store(state.Lead)
	if state.RaftState == raft.StateLeader {
		h.leading = h.raft.BasicStatus().Term
		return
	}
	h.leading = 0
	fail(h.waiting.pop(h.waiting.len()), errLostLeadership)
}

// compact frees what was applied, but for a trail, and of a leader's log only what its followers have. After a change of
// leadership a replica could need more, but then the run is void.
func (h *host) compact() {
	status := h.raft.BasicStatus()
	if status.Applied < h.compacted+compactEvery+compactRemaining {
		return
	}
	target := status.Applied - compactRemaining
	if last, err := h.memory.LastIndex(); err == nil {
		target = min(target, last)
	}
	if h.leading != 0 {
		h.raft.WithProgress(func(_ uint64, _ raft.ProgressType, progress tracker.Progress) {
			target = min(target, progress.Match)
		})
	}
	if target > h.compacted && h.memory.Compact(target) == nil {
		h.compacted = target
	}
}

// ticks passes time on until the host stops.
func (h *host) ticks() {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			h.inbox.add(func(w *work) { w.tick = true })
		case <-h.stopping:
			return
		}
	}
}

// stop ends the host's goroutines; the first reason is kept.
func (h *host) stop(reason error) {
	h.stopOnce.Do(func() {
		h.stopFailure = reason
		close(h.stopping)
		h.network.close()
	})
}

// dismiss answers whoever is left when nobody works any more.
func (h *host) dismiss() {
	h.answering.Wait()
	left := h.inbox.close()
	left = append(left, h.waiting.pop(h.waiting.len())...)
	for _, a := range h.machine.queue.drain() {
		left = append(left, a.waiting...)
	}
	fail(left, errors.Join(errStopped, h.stopFailure))
}

// failure returns why the host stopped by itself.
func (h *host) failure() error {
	select {
	case <-h.stopping:
		return h.stopFailure
	default:
		return nil
	}
}

// close waits for everything the host started.
func (h *host) close() error {
	h.stop(nil)
	h.running.Wait()
	return errors.Join(h.stopFailure, h.log.wal.Close())
}
