package actors

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// snapshotActor is where snapshots are written and their files kept, off every hot path. It holds nothing that another
// one could not begin anew: when it fails it is replaced, and what it was doing counts as failed.
type snapshotActor struct {
	core    *core
	life    *life
	mailbox *mailbox
	store   *persistence.Snapshots // nil: the storage has no place for snapshots, and no order comes
}

// keptSnapshots is what of snapshots a node starts with.
type keptSnapshots struct {
	store   *persistence.Snapshots // nil: the storage has no place for them
	label   engine.SnapshotMeta    // of the one that the log begins with; zero without one
	partial []uint64               // received in part
}

// snapshotsOf returns a storage's place for snapshots, and the label of the one that a start begins with. That one must be
// there and of the position that the log names: there is no other beginning.
func snapshotsOf(storage persistence.Storage, named persistence.SnapshotName) (kept keptSnapshots, err error) {
	keeper, ok := storage.(persistence.SnapshotKeeper)
	switch {
	case !ok && named.ID != 0:
		return kept, fmt.Errorf("%w: the log begins with snapshot %x", ErrSnapshotsUnsupported, named.ID)
	case !ok:
		return kept, nil
	}
	if kept.store, err = keeper.Snapshots(); err == nil {
		kept.partial, err = kept.store.Partial()
	}
	if err != nil || named.ID == 0 {
		return kept, err
	}
	kept.label, err = kept.store.Label(named.ID)
	if err == nil && kept.label.Position != named.Position {
		err = fmt.Errorf("%w: the log begins with a snapshot of %v, the file is %v", persistence.ErrCorrupt, named.Position, kept.label)
	}
	return kept, err
}

// Receive implements actor.Actor.
func (s *snapshotActor) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case snapshotMessage:
		s.handle(ctx, message)
	case *actor.Stopping, *actor.Restarting:
		s.core.guarded(snapshotName, s.abandon)
	}
}

func (s *snapshotActor) handle(ctx actor.Context, message snapshotMessage) {
	switch message := message.(type) {
	case *buildSnapshot:
		s.build(ctx, message)
	case *sweepSnapshots:
		left, err := s.store.Sweep(message.keep...)
		ctx.Send(ctx.Parent(), &snapshotsSwept{epoch: s.life.epoch, left: left, err: err})
	}
}

// build writes a captured state out, in one turn. However that ends, the state is released and the driver hears of it,
// or of the end of this actor.
func (s *snapshotActor) build(ctx actor.Context, order *buildSnapshot) {
	defer order.state.Release()
	answer := &snapshotBuilt{epoch: s.life.epoch}
	answer.label, answer.err = s.write(order)
	answer.took = time.Duration(s.core.clock.Now() - order.began)
	ctx.Send(ctx.Parent(), answer)
}

func (s *snapshotActor) write(order *buildSnapshot) (engine.SnapshotMeta, error) {
	file, err := s.store.Create(order.label)
	if err != nil {
		return order.label, err
	}
	defer file.Abort() // unless it is committed; also when the machine panics
	if _, err := order.state.WriteTo(writerOf{life: s.life, to: file}); err != nil {
		return order.label, err
	}
	label, err := file.Commit()
	if err != nil {
		return order.label, err
	}
	return label, nil
}

// abandon releases the states of orders that nobody will carry out. That of the order which this actor failed over was
// released already.
func (s *snapshotActor) abandon() {
	unfinished := s.mailbox.unfinished
	for _, message := range s.mailbox.drainControl() {
		if order, ok := message.(*buildSnapshot); ok && message != unfinished {
			order.state.Release()
		}
	}
}

// writerOf ends what writes to it when the node ends, so that a shutdown does not wait for a large state.
type writerOf struct {
	life *life
	to   io.Writer
}

// Write implements io.Writer.
func (w writerOf) Write(p []byte) (int, error) {
	if err := w.life.ended(); err != nil {
		return 0, fmt.Errorf("%w: %w", errNodeEnds, err)
	}
	return w.to.Write(p)
}

var errNodeEnds = errors.New("actors: the node ends")
