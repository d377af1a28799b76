package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// transportActor owns the transport's life and its routes. Messages do not pass through it: senders use the
// outbox, whose Send never blocks, and what comes in goes straight to the driver's control lane.
type transportActor struct {
	core      *core
	epoch     uint64
	out       *outbox
	transport remote.Transport
	routes    map[engine.NodeID]string
}

// Receive implements actor.Actor.
func (t *transportActor) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case transportMessage:
		t.handle(ctx, message)
	case *actor.Stopping, *actor.Restarting:
		t.core.guarded(transportName, t.close)
	}
}

func (t *transportActor) handle(ctx actor.Context, message transportMessage) {
	switch message := message.(type) {
	case *openTransport:
		err := t.open(ctx.Parent(), message.hello)
		ctx.Send(ctx.Parent(), &transportOpened{epoch: t.epoch, transport: t.transport, err: err})
	case *setRoutes:
		t.setRoutes(message.members)
	}
}

func (t *transportActor) open(driver *actor.PID, hello remote.Hello) error {
	transport, err := t.core.cfg.Network.NewTransport(hello)
	if err != nil {
		return err
	}
	if err := transport.Start(newInbound(t.core, t.epoch, driver)); err != nil {
		return err
	}
	t.transport = transport
	t.out.open(transport)
	return nil
}

// setRoutes adds and changes routes. Those of nodes that left the membership stay: a removed member must still
// be told.
func (t *transportActor) setRoutes(members []engine.Member) {
	if t.transport == nil {
		return
	}
	for _, m := range members {
		if m.ID != t.core.cfg.ID && m.Address != "" && t.routes[m.ID] != m.Address {
			t.routes[m.ID] = m.Address
			t.transport.SetRoute(m.ID, m.Address)
		}
	}
}

func (t *transportActor) close() {
	if t.transport == nil {
		return
	}
	t.out.close()
	if err := t.transport.Close(); err != nil {
		t.core.log.Warn("transport did not close cleanly", "error", err)
	}
	t.transport = nil
}

// outbox is the way out for messages, shared by the driver and the persistence actor of one incarnation. Once
// closed nothing leaves any more, whoever still tries.
type outbox struct {
	transport atomic.Pointer[remote.Transport]
	closed    atomic.Bool
}

func (o *outbox) open(t remote.Transport) { o.transport.Store(&t) }
func (o *outbox) close()                  { o.closed.Store(true) }

// reopen makes the outbox ready for another transport.
func (o *outbox) reopen() {
	o.transport.Store(nil)
	o.closed.Store(false)
}

func (o *outbox) send(to engine.NodeID, message engine.Message) {
	if t := o.transport.Load(); t != nil && !o.closed.Load() {
		(*t).Send(to, message)
	}
}

// inboundLimit bounds the bytes of one peer's messages that wait in the driver's mailbox; beyond it they are
// dropped, which is what a network may do.
const inboundLimit = 64 << 20

// inbound is the gateway from the transport's goroutines to the driver.
type inbound struct {
	core   *core
	epoch  uint64
	driver *actor.PID

	mu     sync.Mutex
	quotas map[engine.NodeID]*quota
}

// quota counts the bytes of one peer that the driver has not taken yet.
type quota struct{ bytes atomic.Int64 }

func newInbound(c *core, epoch uint64, driver *actor.PID) *inbound {
	return &inbound{core: c, epoch: epoch, driver: driver, quotas: make(map[engine.NodeID]*quota)}
}

// PeerSeen implements remote.Handler.
func (in *inbound) PeerSeen(hello remote.Hello) {
	in.core.system.Root.Send(in.driver, &peerSeen{epoch: in.epoch, hello: hello})
}

// Deliver implements remote.Handler.
func (in *inbound) Deliver(from engine.Peer, message engine.Message, size int) {
	q := in.quota(from.ID)
	if q.bytes.Add(int64(size)) > inboundLimit {
		q.bytes.Add(-int64(size))
		return
	}
	in.core.system.Root.Send(in.driver,
		&peerMessage{epoch: in.epoch, from: from, message: message, size: size, quota: q})
}

func (in *inbound) quota(id engine.NodeID) *quota {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := in.quotas[id]
	if q == nil {
		q = &quota{}
		in.quotas[id] = q
	}
	return q
}
