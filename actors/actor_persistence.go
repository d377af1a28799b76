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
	life    *life
	storage persistence.Storage
	failed  bool

	batch   persistence.Batch
	size    int        // bytes of the entries in batch
	seq     engine.Seq // newest order in batch
	commit  engine.Index
	waiting []outgoing
}

// gauges is what of a storage any actor may look at.
type gauges interface {
	Metrics() persistence.Metrics
	NearlyFull() bool
}

// group is the number of the node's Raft group in its log; one log will serve many.
const group persistence.Group = 0

// groupCommitBytes is how many bytes of entries one write takes at most, unless a single order has more: what
// waits for the first of them should not wait for a long queue behind it.
const groupCommitBytes = 8 << 20

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
		if p.size >= groupCommitBytes {
			p.write(ctx)
		}
	case *pinCluster:
		p.write(ctx)
		p.pin(ctx, message.id)
	case *sealLog:
		p.write(ctx)
		p.seal(ctx)
	case *flushStorage:
		p.write(ctx)
		ctx.Send(ctx.Parent(), &storageFlushed{epoch: p.life.epoch})
	case *closeStorage:
		p.write(ctx)
		ctx.Send(ctx.Parent(), &storageClosed{epoch: p.life.epoch, err: p.closeStorage()})
	}
}

func (p *persistenceActor) open(how start) *storageOpened {
	storage, err := how.open()
	if err != nil {
		return &storageOpened{epoch: p.life.epoch, err: err}
	}
	p.core.created.Store(true)
	p.storage = storage
	opened := &storageOpened{
		epoch: p.life.epoch, identity: storage.Identity(), recovered: storage.Recovered(group), gauges: storage,
	}
	opened.snapshots, opened.err = snapshotsOf(storage, opened.recovered.Snapshot)
	return opened
}

// collect adds an order to the batch that write will make durable.
func (p *persistenceActor) collect(order *persistOrder) {
	for _, r := range order.records {
		switch {
		case r.change != nil:
			p.batch.SetSnapshot(group, *r.change)
		case len(r.entries) > 0:
			p.batch.Append(group, r.entries)
		default:
			p.batch.SetHardState(group, r.state)
		}
		for i := range r.entries {
			p.size += r.entries[i].Size()
		}
	}
	p.seq = max(p.seq, order.seq)
	p.commit = order.commit
	p.waiting = append(p.waiting, order.sends...)
}

// write makes the batch durable with one sync, and only then lets go what waited for it: first the messages, then
// the word to the driver, which may answer it with messages of its own.
func (p *persistenceActor) write(ctx actor.Context) {
	defer p.drop()
	if p.failed || p.storage == nil {
		return
	}
	written := p.batch.Len() > 0
	if written {
		p.batch.SetCommit(group, p.commit) // rides along, never worth a sync of its own
		if err := p.storage.Write(&p.batch); err != nil {
			p.fail(ctx, fmt.Errorf("write: %w", err))
			return
		}
		if p.core.observer != nil {
			p.core.observer.Durable(p.seq)
		}
	}
	for _, o := range p.waiting {
		p.life.send(o.to, o.message)
	}
	if written {
		ctx.Send(ctx.Parent(), &persisted{epoch: p.life.epoch, seq: p.seq})
	}
}

func (p *persistenceActor) drop() {
	p.batch.Reset()
	p.size = 0
	clear(p.waiting)
	p.waiting = p.waiting[:0]
}

func (p *persistenceActor) pin(ctx actor.Context, id engine.ClusterID) {
	if p.failed || p.storage == nil {
		return
	}
	if err := p.storage.PinCluster(id); err != nil {
		p.fail(ctx, fmt.Errorf("pin cluster: %w", err))
	}
}

// seal has an idle log prove its last batch: a batch without records does that.
func (p *persistenceActor) seal(ctx actor.Context) {
	if p.failed || p.storage == nil {
		return
	}
	if err := p.storage.Write(&p.batch); err != nil {
		p.fail(ctx, fmt.Errorf("mark as idle: %w", err))
	}
}

func (p *persistenceActor) fail(ctx actor.Context, err error) {
	p.failed = true
	p.life.end(&FatalError{Op: persistenceName, Err: err})
	ctx.Send(ctx.Parent(), &persistenceFailed{epoch: p.life.epoch, err: err})
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
