package actors

import (
	"errors"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
)

// snapshotting is what the driver knows of the node's snapshots. One is built at a time.
type snapshotting struct {
	store       *persistence.Snapshots // nil: the storage has no place for them
	unsupported bool                   // the machine has said that it cannot
	building    uint64                 // id of the one under way, from the order to capture it until its switch is durable
	built       snapshotBuilt          // the one under way, once it is built
	change      engine.Seq             // of the switch to it, once that was asked for
	instead     engine.Index           // where the snapshot ends that the log begins with instead, once change is durable
	asked       []triggerRequest       // who waits for the one under way
	restoring   []uint64               // ordered to be restored, and not restored yet
	partial     []uint64               // received in part by an earlier life: kept until a switch, or until there is no room
	swept       []uint64               // what the last sweep kept; nil: another one is due
	sweeping    bool                   // it has not ended
	metrics     SnapshotMetrics
}

// writing reports whether the one under way is not complete yet.
func (s *snapshotting) writing() bool { return s.building != 0 && s.built.label.ID == 0 }

// SnapshotMetrics tells of the snapshots that a node took of its own machine, and of those that it was restored from.
type SnapshotMetrics struct {
	Taken    uint64        // written, and made the beginning of the log
	Failed   uint64        // not captured or not written
	Restored uint64        // the machine was restored from, starts included
	Bytes    uint64        // of all files that were written whole
	LastSize uint64        // bytes of the newest file taken
	LastTook time.Duration // from capture to complete file, of the newest taken
	Building bool          // one is under way
}

// triggerRequest asks for a snapshot. It is refused, or told how far it reaches.
type triggerRequest interface {
	question
	triggered(index engine.Index)
}

// keepSnapshots takes the storage's place for snapshots. What of earlier lives is not needed is swept, and segments that
// they had no time to free are freed, at the first ticks.
func (d *driver) keepSnapshots(kept keptSnapshots) {
	d.snapshots.store, d.snapshots.partial, d.toFree = kept.store, kept.partial, 2
	if kept.store == nil {
		d.core.log.Info("the storage keeps no snapshots; the log is never cut")
	}
}

// triggerSnapshot begins a snapshot on behalf of a caller.
func (d *driver) triggerSnapshot(ctx actor.Context, q triggerRequest) {
	err := d.refusal()
	switch {
	case err != nil:
	case d.snapshots.store == nil || d.snapshots.unsupported:
		err = ErrSnapshotsUnsupported
	case d.snapshots.building != 0:
		err = ErrSnapshotInProgress
	}
	if err != nil {
		q.refuse(err)
		return
	}
	d.snapshots.asked = append(d.snapshots.asked, q)
	d.takeSnapshot(ctx)
}

// takeSnapshot begins a snapshot unless one is under way, or cannot be taken, or the node is about to end. The engine asks
// again when as much has come on top.
func (d *driver) takeSnapshot(ctx actor.Context) {
	s := &d.snapshots
	if d.phase != serving || s.store == nil || s.unsupported || s.building != 0 {
		return
	}
	s.building = nonZero(d.core.random)
	ctx.Send(d.apply, &captureSnapshot{id: s.building})
}

// snapshotCaptured has a captured state written out. One that holds nothing new is not.
func (d *driver) snapshotCaptured(ctx actor.Context, message *snapshotCaptured) {
	held := engine.Index(0)
	if d.engine != nil {
		held = d.engine.Status().Snapshot.Index
	}
	switch {
	case !d.live(message.epoch) || d.snapshots.building != message.label.ID:
		release(message)
	case message.err != nil:
		d.snapshotFailed(message.err)
	case message.label.Position.Index <= held:
		release(message)
		d.endSnapshot(held)
	default:
		ctx.Send(d.snapshot, &buildSnapshot{label: message.label, state: message.state, began: message.began})
	}
}

func release(message *snapshotCaptured) {
	if message.state != nil {
		message.state.Release()
	}
}

// snapshotBuilt tells the engine of a snapshot that is complete. What the engine makes of it, a switch or nothing, it says
// in the same step.
func (d *driver) snapshotBuilt(ctx actor.Context, message *snapshotBuilt) {
	if !d.live(message.epoch) || d.snapshots.building != message.label.ID {
		return
	}
	if message.err != nil {
		d.snapshotFailed(message.err)
		return
	}
	d.snapshots.built = *message
	d.snapshots.metrics.Bytes += message.label.Size
	d.step(ctx, &engine.SnapshotTaken{Now: d.core.clock.Now(), Snapshot: message.label})
}

// snapshotFailed ends the snapshot under way. The node goes on, and keeps its log.
func (d *driver) snapshotFailed(err error) {
	s := &d.snapshots
	if errors.Is(err, ErrSnapshotsUnsupported) {
		s.unsupported = true
		d.core.log.Info("the state machine takes no snapshots; the log is never cut")
		d.endSnapshotWith(err)
		return
	}
	s.metrics.Failed++
	failure := &SnapshotFailedError{Err: err}
	d.core.log.Error("snapshot failed; the log is kept", "error", err)
	d.announce(&SnapshotFailed{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Err: failure})
	d.endSnapshotWith(failure)
}

// switchSnapshot orders the switch that the engine asks for. Segments of the log may become free by it.
func (d *driver) switchSnapshot(action *engine.PersistSnapshot) {
	d.persist(action.Seq, persistRecord{change: &persistence.SnapshotSwitch{
		ID: action.Snapshot.ID, Position: action.Snapshot.Position, Base: action.Base, Keep: action.Keep,
	}})
	d.forgetPartial()
	d.toFree += 2
	if action.Snapshot.ID == d.snapshots.building {
		d.snapshots.change = action.Seq
	}
}

// forgetPartial lets go of what was received in part and is not arriving now.
func (d *driver) forgetPartial() {
	d.snapshots.partial = nil
	d.transfers.forgetArrived()
}

// discardSnapshot ends the snapshot under way if it is the one that the engine has no use for: it holds a newer one.
func (d *driver) discardSnapshot(action *engine.DiscardSnapshot) {
	if action.ID == d.snapshots.building {
		d.endSnapshot(d.engine.Status().Snapshot.Index)
	}
}

// snapshotSwitched looks whether the switch to the snapshot under way is durable.
func (d *driver) snapshotSwitched() {
	s := &d.snapshots
	if s.change == 0 || s.change > d.durable {
		return
	}
	if s.instead != 0 {
		d.answerTriggers(s.instead)
		return
	}
	label, took := s.built.label, s.built.took
	s.metrics.Taken++
	s.metrics.LastSize, s.metrics.LastTook = label.Size, took
	d.core.log.Info("snapshot taken", "snapshot", label.String(), "bytes", label.Size, "took", took)
	d.announce(&SnapshotTaken{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Snapshot: label, Took: took})
	d.answerTriggers(label.Position.Index)
}

// endSnapshot ends the snapshot under way, because the log begins with one that reaches index and has more in it, or as
// soon as what was ordered is durable.
func (d *driver) endSnapshot(index engine.Index) {
	s := &d.snapshots
	switch {
	case index == 0: // there is nothing yet but what founders begin with
		d.endSnapshotWith(ErrNotReady)
	case d.issued > d.durable:
		s.change, s.instead = d.issued, index
	default:
		d.answerTriggers(index)
	}
}

// answerTriggers ends the snapshot under way: a restart would begin with one that reaches index.
func (d *driver) answerTriggers(index engine.Index) {
	asked := d.forgetSnapshot()
	for _, q := range asked {
		q.triggered(index)
	}
}

func (d *driver) endSnapshotWith(err error) {
	for _, q := range d.forgetSnapshot() {
		q.refuse(err)
	}
}

func (d *driver) forgetSnapshot() []triggerRequest {
	s := &d.snapshots
	asked := s.asked
	s.swept = nil // a file may be left over
	s.building, s.change, s.instead, s.built, s.asked = 0, 0, 0, snapshotBuilt{}, nil
	return asked
}

// snapshotActorDied counts what it was doing as failed.
func (d *driver) snapshotActorDied(ctx actor.Context) {
	d.snapshots.swept, d.snapshots.sweeping = nil, false
	d.releaseIntake(ctx)
	if d.snapshots.building != 0 && d.snapshots.change == 0 {
		d.snapshotFailed(errSnapshotActorDied)
	}
}

var errSnapshotActorDied = errors.New("actors: the snapshot actor panicked")

// restoreSnapshot has the machine's state replaced, in the queue of entries.
func (d *driver) restoreSnapshot(ctx actor.Context, label engine.SnapshotMeta) {
	d.handedIndex = label.Position.Index
	d.snapshots.restoring = append(d.snapshots.restoring, label.ID)
	ctx.Send(d.apply, &restoreSnapshot{label: label, store: d.snapshots.store, waiters: d.waiters.take(label.Position.Index)})
}

// snapshotRestored goes on with a start, or tells the engine.
func (d *driver) snapshotRestored(ctx actor.Context, message *snapshotRestored) {
	if message.epoch != d.life.epoch || d.engine == nil {
		return
	}
	s := &d.snapshots
	s.restoring = slices.DeleteFunc(s.restoring, func(id uint64) bool { return id == message.label.ID })
	s.metrics.Restored++
	d.core.log.Info("state restored from a snapshot", "snapshot", message.label.String(), "bytes", message.label.Size)
	d.announce(&SnapshotRestored{ID: d.core.cfg.ID, Cluster: d.core.cfg.Cluster, Snapshot: message.label})
	if d.phase == starting {
		d.appliedIndex = message.label.Position.Index
		d.openTransport(ctx)
		return
	}
	d.applied(ctx, &applied{epoch: message.epoch, index: message.label.Position.Index})
}

// sweepSnapshots has the files removed that nobody needs any more, when others are needed than at the last time. Not while
// a snapshot is written: the order would wait for as long as that takes, and what is to be received waits for the sweep.
func (d *driver) sweepSnapshots(ctx actor.Context) {
	if d.snapshots.store == nil || d.snapshots.sweeping || d.snapshots.writing() {
		return
	}
	keep := d.neededSnapshots()
	if d.snapshots.swept != nil && slices.Equal(keep, d.snapshots.swept) {
		return
	}
	d.snapshots.swept, d.snapshots.sweeping = keep, true
	ctx.Send(d.snapshot, &sweepSnapshots{keep: slices.Clone(keep)})
}

// neededSnapshots returns the ids of all snapshots that a file may be needed of: by the engine, and by what was ordered
// and has not ended. It is not nil.
func (d *driver) neededSnapshots() []uint64 {
	s := &d.snapshots
	needed := slices.Concat([]uint64{s.building}, d.engine.SnapshotsInUse(), s.restoring, s.partial, d.transfers.needed())
	slices.Sort(needed)
	return slices.Compact(needed)
}

// snapshotsSwept sees to it that what could not be removed is tried again.
func (d *driver) snapshotsSwept(ctx actor.Context, message *snapshotsSwept) {
	if message.epoch != d.life.epoch {
		return
	}
	d.snapshots.sweeping = false
	d.releaseIntake(ctx)
	if message.err != nil {
		d.core.log.Warn("not every old snapshot could be removed", "error", message.err)
	}
	if message.left > 0 || message.err != nil {
		d.snapshots.swept = nil
	}
}

// freeSegments reports whether an idle log should be given an empty batch so that it frees what a snapshot covers: one
// segment is freed by each, and one file removed. For each that was freed there may be another, and a file.
func (d *driver) freeSegments() bool {
	freed := d.storage.Metrics().Freed
	d.toFree += 2 * int(freed-d.freed)
	d.freed = freed
	if d.toFree > 0 {
		d.toFree--
		return true
	}
	return false
}

// snapshotMetrics returns the metrics as they are now.
func (d *driver) snapshotMetrics() SnapshotMetrics {
	m := d.snapshots.metrics
	m.Building = d.snapshots.building != 0
	return m
}
