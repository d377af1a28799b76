package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// persistenceActor owns the log and the hard state. It takes everything that is queued as one batch: one write,
// one sync. Messages that wait for the disk travel through the same queue as the writes they wait for, so the
// order contract of the engine is the order of this queue.
//
// It never retries: after a failed write or sync nothing leaves, and the node stops.
type persistenceActor struct {
	core    *core
	epoch   uint64
	out     *outbox
	storage persistence.Storage
	failed  bool

	batch   persistence.Batch
	seq     engine.Seq // newest order in batch
	commit  engine.Index
	waiting []outgoing
}

// group is the number of the node's Raft group in its log; one log will serve many.
const group persistence.Group = 0

// Receive implements actor.Actor.
func (p *persistenceActor) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case *batch:
		p.take(ctx, message.messages)
	case *actor.Stopping, *actor.Restarting:
		p.core.guarded(persistenceName, p.close)
	}
}

func (p *persistenceActor) take(ctx actor.Context, messages []any) {
	for _, message := range messages {
		if message, ok := message.(persistenceMessage); ok {
			p.handle(ctx, message)
		}
	}
	p.write(ctx)
}

func (p *persistenceActor) handle(ctx actor.Context, message persistenceMessage) {
	switch message := message.(type) {
	case *openStorage:
		ctx.Send(ctx.Parent(), p.open(message.start))
	case *persistOrder:
		p.collect(message)
	case *pinCluster:
		p.pin(ctx, message.id)
	case *sealLog:
		p.write(ctx)
		p.seal(ctx)
	case *flushStorage:
		p.write(ctx)
		ctx.Send(ctx.Parent(), &storageFlushed{epoch: p.epoch})
	case *closeStorage:
		p.write(ctx)
		ctx.Send(ctx.Parent(), &storageClosed{epoch: p.epoch, err: p.closeStorage()})
	}
}

func (p *persistenceActor) open(how start) *storageOpened {
	storage, err := how.open()
	if err != nil {
		return &storageOpened{epoch: p.epoch, err: err}
	}
	p.storage = storage
	return &storageOpened{
		epoch: p.epoch, identity: storage.Identity(), recovered: storage.Recovered(group), metrics: storage.Metrics,
	}
}

// collect adds an order to the batch that write will make durable.
func (p *persistenceActor) collect(order *persistOrder) {
	for _, r := range order.records {
		if len(r.entries) > 0 {
			p.batch.Append(group, r.entries)
		} else {
			p.batch.SetHardState(group, r.state)
		}
	}
	p.seq = max(p.seq, order.seq)
	p.commit = order.commit
	p.waiting = append(p.waiting, order.sends...)
}

// write makes the batch durable with one sync, and only then lets go what waited for it.
func (p *persistenceActor) write(ctx actor.Context) {
	if p.failed || p.storage == nil {
		p.drop()
		return
	}
	if p.batch.Len() > 0 {
		p.batch.SetCommit(group, p.commit) // rides along, never worth a sync of its own
		if err := p.storage.Write(&p.batch); err != nil {
			p.fail(ctx, fmt.Errorf("write: %w", err))
			return
		}
		ctx.Send(ctx.Parent(), &persisted{epoch: p.epoch, seq: p.seq})
	}
	for _, o := range p.waiting {
		p.out.send(o.to, o.message)
	}
	p.drop()
}

func (p *persistenceActor) drop() {
	p.batch.Reset()
	clear(p.waiting)
	p.waiting = p.waiting[:0]
}

func (p *persistenceActor) pin(ctx actor.Context, id engine.ClusterID) {
	p.write(ctx)
	if p.failed || p.storage == nil {
		return
	}
	if err := p.storage.PinCluster(id); err != nil {
		p.fail(ctx, fmt.Errorf("pin cluster: %w", err))
	}
}

// seal marks the log as idle.
func (p *persistenceActor) seal(ctx actor.Context) {
	if p.failed || p.storage == nil {
		return
	}
	if log, ok := p.storage.(interface{ Idle() error }); ok {
		if err := log.Idle(); err != nil {
			p.fail(ctx, fmt.Errorf("mark idle: %w", err))
		}
	}
}

func (p *persistenceActor) fail(ctx actor.Context, err error) {
	p.failed = true
	p.out.close()
	p.drop()
	ctx.Send(ctx.Parent(), &persistenceFailed{epoch: p.epoch, err: err})
}

func (p *persistenceActor) closeStorage() error {
	if p.storage == nil {
		return nil
	}
	storage := p.storage
	p.storage = nil
	return storage.Close()
}

func (p *persistenceActor) close() {
	if err := p.closeStorage(); err != nil {
		p.core.log.Warn("storage did not close cleanly", "error", err)
	}
}
