package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// The names of the driver and its children.
const (
	driverName      = "raft"
	tickerName      = "ticker"
	persistenceName = "persistence"
	applyName       = "apply"
	snapshotName    = "snapshot"
	transferName    = "transfer"
	transportName   = "transport"
)

// spawnChild spawns a child of the driver on its dispatcher.
func (c *core) spawnChild(ctx actor.Context, name string, box *mailbox, producer func() actor.Actor) *actor.PID {
	box.panicked = func(reason any, stack []byte) {
		c.log.Error("actor panicked", "actor", name, "reason", reason, "stack", string(stack))
	}
	if c.intercept != nil {
		producer = c.intercepted(name, producer)
	}
	props := actor.PropsFromProducer(producer,
		actor.WithMailbox(func() actor.Mailbox { return box }),
		actor.WithDispatcher(c.dispatcherOf(name)))
	pid, err := ctx.SpawnNamed(props, name)
	if err != nil {
		panic(fmt.Errorf("actors: cannot spawn %s: %w", name, err))
	}
	return pid
}

// intercepted puts the runtime's interception before the child.
func (c *core) intercepted(name string, producer func() actor.Actor) func() actor.Actor {
	return func() actor.Actor {
		child := producer()
		return actor.ReceiveFunc(func(ctx actor.Context) {
			c.intercept(name, ctx.Message())
			child.Receive(ctx)
		})
	}
}

// guarded runs what must not take the actor down with it. A panic in Stopping would make protoactor restart the actor
// instead of stopping it, and one in Stopped would leave its parent waiting for ever; both are logged and end here.
func (c *core) guarded(where string, handler func()) {
	defer func() {
		if reason := recover(); reason != nil {
			c.log.Error("panic was contained", "where", where, "reason", reason)
		}
	}()
	handler()
}
