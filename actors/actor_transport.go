package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// transportActor owns the transport's life and its routes. Messages do not pass through it: senders use the life's
// send, which never blocks, and what comes in goes straight to the driver's control lane (see inbound).
type transportActor struct {
	core      *core
	life      *life
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
		ctx.Send(ctx.Parent(), &transportOpened{epoch: t.life.epoch, transport: t.transport, err: err})
	case *setRoutes:
		t.setRoutes(message.members)
	case *dropRoute:
		t.dropRoute(message.id)
	}
}

func (t *transportActor) open(driver *actor.PID, hello remote.Hello) error {
	transport, err := t.core.cfg.Network.NewTransport(hello)
	if err != nil {
		return err
	}
	t.transport = transport // close takes care of it, however far the start gets
	in := newInbound(t.core.system.Root, t.life.epoch, driver)
	in.crowded, in.life, in.check = &t.core.crowded, t.life, t.core.checkCommand
	if err := transport.Start(in); err != nil {
		return err
	}
	t.life.attach(transport)
	return nil
}

// setRoutes adds and changes routes. Those of nodes that left the membership stay until the driver drops them: a removed
// member must still be told.
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

func (t *transportActor) dropRoute(id engine.NodeID) {
	if t.transport != nil {
		delete(t.routes, id)
		t.transport.DropRoute(id)
	}
}

func (t *transportActor) close() {
	if t.transport == nil {
		return
	}
	t.life.detach()
	if err := t.transport.Close(); err != nil {
		t.core.log.Warn("transport did not close cleanly", "error", err)
	}
	t.transport = nil
}
