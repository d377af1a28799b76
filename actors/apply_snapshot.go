package actors

import (
	"fmt"
	"io"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/statemachine"
)

// stream is where the state machine stands: after which entry, and under which membership. A snapshot's label is made
// of it and of nothing that the node believes by then (R26): a label that is off by one entry would be wrong for ever.
type stream struct {
	position           engine.Position
	membership         engine.Membership
	configurationIndex engine.Index
}

func (s *stream) label(id uint64) engine.SnapshotMeta {
	return engine.SnapshotMeta{
		ID: id, Position: s.position, Membership: s.membership, ConfigurationIndex: s.configurationIndex,
	}
}

// renew takes a fresh machine.
func (a *applyActor) renew() {
	a.machine = nil // so that two states are never held at once
	a.machine = a.core.app.newMachine()
	a.stream = stream{}
}

// capture takes the state as it is now. That is all that commands wait for; writing it out is the snapshot actor's.
func (a *applyActor) capture(ctx actor.Context, order *captureSnapshot) {
	answer := &snapshotCaptured{epoch: a.life.epoch, label: a.stream.label(order.id), began: a.core.clock.Now()}
	switch machine := a.machine.snapshotter(); {
	case a.failed:
		return
	case machine == nil:
		answer.err = ErrSnapshotsUnsupported
	default:
		answer.state, answer.err = machine.Snapshot()
	}
	if answer.err == nil && answer.state == nil {
		answer.err = fmt.Errorf("actors: %T captured nothing", a.machine.user())
	}
	ctx.Send(ctx.Parent(), answer)
}

// restore replaces the state by a snapshot. It is in the queue of entries, in order: what comes next follows it. Any
// failure ends the node: there is no other state that it could go on from.
func (a *applyActor) restore(ctx actor.Context, order *restoreSnapshot) {
	a.waiters = append(a.waiters, order.waiters...)
	order.waiters = nil
	if a.failed {
		return
	}
	if a.stream.position.Index > 0 {
		a.renew()
	}
	if err := a.read(order); err != nil {
		a.fail(ctx, fmt.Errorf("restore snapshot %v: %w", order.label, err))
		return
	}
	label := &order.label
	a.stream = stream{position: label.Position, membership: label.Membership, configurationIndex: label.ConfigurationIndex}
	a.abandonCovered(label.Position.Index)
	ctx.Send(ctx.Parent(), &snapshotRestored{epoch: a.life.epoch, label: order.label})
}

// read has the machine read the snapshot, and the rest of it proved.
func (a *applyActor) read(order *restoreSnapshot) error {
	machine := a.machine.snapshotter()
	if machine == nil {
		return ErrSnapshotsUnsupported
	}
	file, err := order.store.Open(order.label.ID)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	return restoreFrom(machine, file, a.life)
}

func restoreFrom(machine statemachine.Snapshotter, file *persistence.SnapshotReader, l *life) error {
	if err := machine.Restore(readerOf{life: l, from: file}); err != nil {
		return err
	}
	return file.Verify()
}

// readerOf ends what reads from it when the node ends, so that nobody who stops a node waits for a large state.
type readerOf struct {
	life *life
	from io.Reader
}

// Read implements io.Reader.
func (r readerOf) Read(p []byte) (int, error) {
	if err := r.life.ended(); err != nil {
		return 0, fmt.Errorf("%w: %w", errNodeEnds, err)
	}
	return r.from.Read(p)
}

// abandonCovered answers who waits for entries that a snapshot covers: they were applied somewhere, and nobody here will
// see what they answered.
func (a *applyActor) abandonCovered(index engine.Index) {
	for len(a.waiters) > 0 && a.waiters[0].first <= index {
		w := a.pop()
		w.answer(unknown(w.position(), ErrLostLeadership))
	}
}
