package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// Bounds of one peer's messages that wait in the driver's mailbox. Beyond them its messages are dropped, which is
// what a network may do; appends, which a leader repeats in any case, already at half of them, so that votes and
// heartbeats still find room. The socket is never stalled, and no peer takes another's room.
const (
	inboundMessages = 8192
	inboundBytes    = 64 << 20
)

// inbound is the gateway from the transport's goroutines to the driver.
type inbound struct {
	root   *actor.RootContext
	epoch  uint64
	driver *actor.PID

	crowded *atomic.Uint64          // counts what is dropped
	life    *life                   // for the way to the transfer actor; nil: chunks are dropped
	check   func(data []byte) error // whether bytes are a command; nil: they are believed to be

	mu     sync.Mutex
	quotas map[engine.NodeID]*quota
}

// quota counts what of one peer the driver has not taken yet.
type quota struct {
	messages atomic.Int64
	bytes    atomic.Int64
}

func newInbound(root *actor.RootContext, epoch uint64, driver *actor.PID) *inbound {
	return &inbound{root: root, epoch: epoch, driver: driver, crowded: new(atomic.Uint64), quotas: make(map[engine.NodeID]*quota)}
}

// PeerSeen implements remote.Handler.
func (in *inbound) PeerSeen(hello remote.Hello) {
	q := in.quota(hello.Peer.ID)
	q.messages.Add(1) // never refused: what follows on the connection is judged by it
	in.root.Send(in.driver, &peerSeen{epoch: in.epoch, hello: hello, quota: q})
}

// Deliver implements remote.Handler.
func (in *inbound) Deliver(from engine.Peer, message engine.Message, size int) {
	share := int64(1)
	switch message.(type) {
	case *engine.AppendEntries, *engine.ProposalForward:
		share = 2
	default:
	}
	q := in.quota(from.ID)
	if !q.take(int64(size), share) {
		in.crowded.Add(1)
		return
	}
	in.root.Send(in.driver, &peerMessage{
		epoch: in.epoch, from: from, message: message, size: size, quota: q, badCommand: in.badCommand(message),
	})
}

// badCommand decodes what another node's clients propose, as it is done with what actors of other processes do: bytes that
// do not decode would stop every node that applies them. Nobody has to mean harm for that: a follower of a later version
// may know commands that its leader does not. The codec is the user's code, so the driver has this done here.
func (in *inbound) badCommand(message engine.Message) error {
	forward, ok := message.(*engine.ProposalForward)
	if !ok || in.check == nil {
		return nil
	}
	for _, command := range forward.Commands {
		if err := in.check(command); err != nil {
			return err
		}
	}
	return nil
}

// quota returns the peer's. Those of peers of which nothing waits are forgotten when there are many: ids cost
// nothing to make up.
func (in *inbound) quota(id engine.NodeID) *quota {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := in.quotas[id]
	if q == nil {
		if len(in.quotas) >= engine.MaxMembers {
			in.forgetIdle()
		}
		q = &quota{}
		in.quotas[id] = q
	}
	return q
}

func (in *inbound) forgetIdle() {
	for id, q := range in.quotas {
		if q.messages.Load() == 0 {
			delete(in.quotas, id)
		}
	}
}

// take makes room for one message, up to a share of the bounds.
func (q *quota) take(size, share int64) bool {
	messages, bytes := q.messages.Add(1), q.bytes.Add(size)
	if messages > inboundMessages/share || bytes > inboundBytes/share {
		q.give(size)
		return false
	}
	return true
}

// give returns the room of a message.
func (q *quota) give(size int64) {
	q.messages.Add(-1)
	q.bytes.Add(-size)
}
