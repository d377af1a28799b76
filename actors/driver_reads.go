package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// pendingReads are the batches of reads that the engine has taken and not answered, in the order in which it was asked,
// which is that of its answers.
type pendingReads struct {
	queue []*readOrder
	first engine.ReadID // of queue[0]
}

func (p *pendingReads) add(order *readOrder) engine.ReadID {
	p.queue = append(p.queue, order)
	return p.first + engine.ReadID(len(p.queue)) - 1
}

// take removes the batch that an answer is for.
func (p *pendingReads) take(id engine.ReadID) *readOrder {
	if len(p.queue) == 0 || id != p.first {
		panic("actors: the engine answers a read out of order")
	}
	order := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	p.first++
	return order
}

func (p *pendingReads) fail(err error) {
	for len(p.queue) > 0 {
		p.take(p.first).fail(err)
	}
}

// read asks the engine for a point at which everything that was queued may be read.
func (d *driver) read(ctx actor.Context, b *readBatch) {
	order := newReadOrder(b.reads)
	d.core.mailbox.booked()
	if err := d.refusal(); err != nil {
		order.fail(err)
		return
	}
	id, count := d.reads.add(order), len(b.reads)
	d.events.read = engine.ProposeRead{Now: d.core.clock.Now(), ID: id, Count: count}
	d.step(ctx, &d.events.read)
}

// readReady sends a batch behind the entries that it has to see.
func (d *driver) readReady(ctx actor.Context, action *engine.ReadReady) {
	ctx.Send(d.apply, d.reads.take(action.ID))
}

func (d *driver) readFailed(action *engine.ReadFailed) {
	d.reads.take(action.ID).fail(unserved(action))
}
