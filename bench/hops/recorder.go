package hops

import (
	"sync"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/engine"
)

// event is something that a node does for a write.
type event int

const (
	sent      event = iota // leader: the entry leaves; follower: its answer leaves
	received               // leader: the first answer arrives; follower: the entry arrives
	diskBegin              // the first byte is written to a file
	diskEnd                // the sync has returned
	applied
	events
)

// recorder keeps when what happened for the write under way. Any goroutine may use it.
type recorder struct {
	mu     sync.Mutex
	leader engine.NodeID // zero: do not record
	begin  time.Time
	index  engine.Index // of the write's entry; zero until it leaves
	first  engine.NodeID
	at     [workload.Replicas + 1][events]time.Duration // since begin, by node id; zero: not yet
}

// start forgets the last write and begins one.
func (r *recorder) start(leader engine.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leader, r.index, r.first = leader, 0, 0
	clear(r.at[:])
	r.begin = time.Now()
}

// mark keeps the first of each event of each node. The caller holds mu.
func (r *recorder) mark(node engine.NodeID, e event) {
	if r.at[node][e] == 0 {
		r.at[node][e] = max(time.Since(r.begin), 1)
	}
}

// send sees a message leave.
func (r *recorder) send(node engine.NodeID, message engine.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m := message.(type) {
	case *engine.AppendEntries:
		if node == r.leader && len(m.Entries) > 0 && r.at[node][sent] == 0 {
			r.index = m.Entries[len(m.Entries)-1].Index
			r.mark(node, sent)
		}
	case *engine.AppendEntriesResponse:
		if r.answers(m) {
			r.mark(node, sent)
		}
	default: // not part of a write
	}
}

// deliver sees a message arrive.
func (r *recorder) deliver(node, from engine.NodeID, message engine.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m := message.(type) {
	case *engine.AppendEntries:
		if r.index != 0 && len(m.Entries) > 0 && m.Entries[len(m.Entries)-1].Index == r.index {
			r.mark(node, received)
		}
	case *engine.AppendEntriesResponse:
		if node == r.leader && r.answers(m) && r.first == 0 {
			r.first = from
			r.mark(node, received)
		}
	default: // not part of a write
	}
}

// answers reports whether the message acknowledges the write. The caller holds mu.
func (r *recorder) answers(m *engine.AppendEntriesResponse) bool {
	return r.index != 0 && m.Accepted && m.Match >= r.index
}

// disk sees a write to a file begin, or a sync end. A follower may still be busy with the last write: what it does
// before the entry has arrived is not counted.
func (r *recorder) disk(node engine.NodeID, e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leader == 0 || node != r.leader && r.at[node][received] == 0 || e == diskEnd && r.at[node][diskBegin] == 0 {
		return
	}
	r.mark(node, e)
}

// apply sees a command applied.
func (r *recorder) apply(node engine.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if node == r.leader {
		r.mark(node, applied)
	}
}

// finish returns the hops of the write; false if one of them was not seen, or not in its order.
func (r *recorder) finish() (sample, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := time.Since(r.begin)
	l, f := &r.at[r.leader], &r.at[r.first]
	path := [...]time.Duration{
		0, l[sent], f[received], f[diskBegin], f[diskEnd], f[sent], l[received], l[applied], end,
	}
	var s sample
	for i := range s.hops {
		s.hops[i] = path[i+1] - path[i]
		if path[i+1] == 0 || s.hops[i] < 0 {
			return sample{}, false
		}
	}
	s.total, s.ownDisk = end, l[diskEnd]-l[diskBegin]
	s.ownStart, s.ownLate = l[diskBegin], max(l[diskEnd]-l[received], 0)
	return s, r.first != 0 && l[diskEnd] != 0
}
