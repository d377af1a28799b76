package actors

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/statemachine"
)

// NewProps returns the props of a raft actor, for those who think in actors: spawn it under a supervisor of your
// own, send it [Propose], watch it. Every spawn of the props is a node of its own. A config that does not
// validate is told here.
//
// Any strategy may restart the actor: it re-reads its durable state. One that resumes it after a panic ends the
// node, because the engine was stopped in the middle. Do not let a guardian strategy escalate and do not use an
// all-for-one strategy as a guardian; protoactor crashes the process for both. Do not replace the mailbox or the
// dispatcher: they are part of the node.
func NewProps[C, R any](def statemachine.Definition[C, R], cfg Config) (*actor.Props, error) {
	if err := validate(def, cfg); err != nil {
		return nil, err
	}
	spawn := func(system *actor.ActorSystem, id string, props *actor.Props, parent actor.SpawnerContext) (*actor.PID, error) {
		c, err := newCore(cfg, typedApplication[C, R]{def: def})
		if err != nil {
			return nil, err
		}
		return c.spawn(system, id, props, parent)
	}
	return actor.PropsFromProducer(noProducer, actor.WithSpawnFunc(spawn)), nil
}

func validate[C, R any](def statemachine.Definition[C, R], cfg Config) error {
	if def.New == nil || def.Codec == nil {
		return fmt.Errorf("%w: the state machine's definition needs New and Codec", ErrInvalidConfig)
	}
	if _, ok := def.Codec.(statemachine.ResponseCodec[R]); cfg.ForwardProposals && !ok {
		return fmt.Errorf("%w: ForwardProposals needs a codec that is a statemachine.ResponseCodec", ErrInvalidConfig)
	}
	return cfg.Validate()
}

// noProducer stands in the props until spawn puts the real one in its place.
func noProducer() actor.Actor { return nil }

// spawn starts the raft actor of this core. The props that the user configured keep their supervision.
func (c *core) spawn(system *actor.ActorSystem, id string, user *actor.Props, parent actor.SpawnerContext) (*actor.PID, error) {
	c.system = system
	c.pid = system.NewLocalPID(id)
	c.useDispatcher()
	props := *user
	props.Configure(
		actor.WithProducer(func() actor.Actor { return newDriver(c) }),
		actor.WithMailbox(func() actor.Mailbox { return c.mailbox }),
		actor.WithDispatcher(c.dispatcherOf(driverName)))
	pid, err := actor.DefaultSpawner(system, id, &props, parent)
	if err != nil && c.pool != nil {
		c.pool.close()
	}
	return pid, err
}

// Start spawns a raft actor as a root actor of the system, named yggr/<cluster>/n<id>, and waits until it serves
// or has failed to start. A node that failed to start is stopped and has released its storage when Start returns.
//
// Errors: [ErrInvalidConfig], actor.ErrNameExists, a [FatalError] that wraps what storage or transport said, or
// the context's.
func Start[C, R any](ctx context.Context, system *actor.ActorSystem, def statemachine.Definition[C, R], cfg Config) (*Node[C, R], error) {
	if err := validate(def, cfg); err != nil {
		return nil, err
	}
	c, err := newCore(cfg, typedApplication[C, R]{def: def})
	if err != nil {
		return nil, err
	}
	props := actor.PropsFromProducer(noProducer, actor.WithSpawnFunc(c.spawn))
	pid, err := system.Root.SpawnNamed(props, fmt.Sprintf("yggr/%s/%v", cfg.Cluster, cfg.ID))
	if err != nil {
		return nil, fmt.Errorf("actors: spawn %s: %w", pid.GetId(), err)
	}
	n := newNode[C, R](c, def.Codec)
	if _, err := c.started.wait(ctx); err != nil {
		system.Root.Stop(pid)
		<-c.stopped
		return nil, err
	}
	return n, nil
}
