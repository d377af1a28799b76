package etcd

import (
	"fmt"
	"sync/atomic"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/yggr-go/yggr/bench/workload"
)

// appendThread owns the WAL. In a synchronous host it is only the WAL, used by the goroutine that owns raft.
type appendThread struct {
	wal     *wal.WAL
	queue   *queue[raftpb.Message]
	entries []raftpb.Entry
}

// save writes entries and state; the WAL syncs where raft says it must.
func (a *appendThread) save(state raftpb.HardState, entries []raftpb.Entry) error {
	if err := a.wal.Save(state, entries); err != nil {
		return fmt.Errorf("etcd: wal: %w", err)
	}
	return nil
}

// appendLoop writes what waits with one sync and then lets the answers go.
func (h *host) appendLoop() {
	var batch, own []raftpb.Message
	for {
		var ok bool
		if batch, ok = h.log.queue.take(batch, h.stopping); !ok {
			return
		}
		if err := h.appendAll(batch); err != nil {
			h.stop(err)
			return
		}
		own = h.answer(batch, own[:0])
		h.inbox.deliver(own)
		clear(own)
	}
}

// appendAll makes one save of several messages. Later entries replace earlier ones at the same index when the WAL is
// read, as if they had been saved one by one; nothing between them was promised to anybody.
func (h *host) appendAll(batch []raftpb.Message) error {
	entries := h.log.entries[:0]
	var state raftpb.HardState
	for i := range batch {
		m := &batch[i]
		entries = append(entries, m.Entries...)
		if s := (raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !raft.IsEmptyHardState(s) {
			state = s
		}
	}
	err := h.log.save(state, entries)
	clear(entries)
	h.log.entries = entries
	if err != nil {
		return err
	}
	for i := range batch {
		if err := h.memory.Append(batch[i].Entries); err != nil {
			return fmt.Errorf("etcd: memory: %w", err)
		}
	}
	return nil
}

// answer sends the responses that waited, and collects those to this node itself.
func (h *host) answer(batch, own []raftpb.Message) []raftpb.Message {
	for i := range batch {
		for _, m := range batch[i].Responses {
			if m.To == h.id {
				own = append(own, m)
			} else {
				h.network.send(m)
			}
		}
	}
	return own
}

// application is a run of committed entries, and who waits for those proposed here.
type application struct {
	entries   []raftpb.Entry
	waiting   []*proposal
	responses []raftpb.Message // to this node itself, when all is applied
}

// applyThread owns the machine.
type applyThread struct {
	queue *queue[application]
	begun atomic.Bool // the first entry of a term was applied
}

func (h *host) applyLoop() {
	var batch []application
	for {
		var ok bool
		if batch, ok = h.machine.queue.take(batch, h.stopping); !ok {
			return
		}
		for i, a := range batch {
			if err := h.apply(a); err != nil {
				h.machine.queue.push(batch[i+1:]...) // for dismiss to answer
				h.stop(err)
				return
			}
			h.inbox.deliver(a.responses)
		}
	}
}

// apply answers each client as soon as its command is applied.
func (h *host) apply(a application) error {
	for i := range a.entries {
		data := a.entries[i].Data
		if len(data) == 0 {
			h.machine.begun.Store(true) // the first entry of a term
			continue
		}
		command, err := workload.ParseCommand(data)
		if err != nil {
			return err
		}
		value := h.counter.Apply(command)
		// Entries of earlier terms come first and have nobody who waits: the waiting are the last.
		if own := i - (len(a.entries) - len(a.waiting)); own >= 0 {
			if &a.waiting[own].data[0] != &data[0] {
				fail(a.waiting[own:], errOutOfOrder)
				return errOutOfOrder
			}
			a.waiting[own].done <- outcome{value: value}
		}
	}
	return nil
}
