package etcd

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// handle does what raft asks for.
func (h *host) handle(ready raft.Ready) {
	h.observe(ready.SoftState)
	if h.async {
		h.handleAsync(ready)
		return
	}
	h.handleSync(ready)
}

// handleAsync routes messages: those for the local threads carry the answers that wait for them.
func (h *host) handleAsync(ready raft.Ready) {
	for _, m := range ready.Messages {
		switch m.To {
		case raft.LocalAppendThread:
			h.log.queue.push(m)
		case raft.LocalApplyThread:
			h.machine.queue.push(h.committed(m.Entries, m.Responses))
		default:
			h.network.send(m)
		}
	}
}

// handleSync writes before it goes on. A leader's messages rest on nothing that is written here: its term and vote
// were durable before it was elected, and it counts itself only after Advance.
func (h *host) handleSync(ready raft.Ready) {
	if h.leading != 0 {
		h.network.sendAll(ready.Messages)
	}
	if err := h.log.save(ready.HardState, ready.Entries); err != nil {
		h.stop(err)
		return
	}
	if err := h.memory.Append(ready.Entries); err != nil {
		h.stop(err)
		return
	}
	if h.leading == 0 {
		h.network.sendAll(ready.Messages)
	}
	if len(ready.CommittedEntries) > 0 {
		h.machine.queue.push(h.committed(ready.CommittedEntries, nil))
	}
	h.raft.Advance(ready)
}

// committed joins entries with the clients that wait for them. In the term in which this node leads, every entry with
// data was proposed here, in the order of the waiting proposals.
func (h *host) committed(entries []raftpb.Entry, responses []raftpb.Message) application {
	own := 0
	for i := range entries {
		if h.leading != 0 && entries[i].Term == h.leading && len(entries[i].Data) > 0 {
			own++
		}
	}
	return application{entries: entries, waiting: h.waiting.pop(own), responses: responses}
}
