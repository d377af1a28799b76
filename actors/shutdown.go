package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// A graceful shutdown is ordered by messages, because protoactor would stop the children side by side:
//
//	refuse new work → wait, bounded, for accepted work → hand leadership over → stop the transport → persistence syncs
//	what is queued → apply drains what became durable → answer the rest → stop what moves and writes snapshots → close and unlock
//	the storage → stop
type shutdownStage uint8

const (
	shutdownNone shutdownStage = iota
	shutdownWaiting
	shutdownHandOver
	shutdownTransport
	shutdownFlush
	shutdownDrain
	shutdownClose
)

type shutdown struct {
	stage    shutdownStage
	deadline engine.Instant
}

// shutdownStep takes the messages that drive a shutdown forward.
func (d *driver) shutdownStep(ctx actor.Context, message driverMessage) {
	switch message := message.(type) {
	case *shutdownRequested:
		d.beginShutdown(ctx)
	case *storageFlushed:
		if message.epoch == d.life.epoch && d.shutdown.stage == shutdownFlush {
			d.shutdown.stage = shutdownDrain
			ctx.Send(d.apply, &drainApply{})
		}
	case *applyDrained:
		if message.epoch == d.life.epoch && d.shutdown.stage == shutdownDrain {
			d.drained(ctx)
		}
	case *storageClosed:
		if message.epoch == d.life.epoch && d.shutdown.stage == shutdownClose {
			d.storageClosed(ctx, message.err)
		}
	default:
	}
}

func (d *driver) beginShutdown(ctx actor.Context) {
	d.core.closing = true
	switch d.phase {
	case starting, failed:
		ctx.Stop(ctx.Self())
		return
	case draining, ended:
		return
	case serving:
	}
	d.core.log.Info("shutting down", "pending", d.core.mailbox.admission.pending(), "pending_reads", d.core.mailbox.readRoom.pending())
	d.phase = draining
	d.shutdown.stage = shutdownWaiting
	d.shutdown.deadline = d.core.clock.Now() + engine.Instant(d.core.cfg.ShutdownTimeout)
	d.core.mailbox.hold(false)
	d.core.mailbox.refuseWork(ErrShutdown)
	d.shutdownProgress(ctx)
}

// shutdownProgress stops waiting for accepted work when there is none left, and for anything when the time is up.
func (d *driver) shutdownProgress(ctx actor.Context) {
	if d.shutdown.stage == shutdownHandOver && d.shutdownIsOver() {
		d.handedOver(ctx, ErrTransferTimedOut)
	}
	if d.shutdown.stage != shutdownWaiting {
		return
	}
	if d.awaited() > 0 && !d.shutdownIsOver() {
		return
	}
	d.handOver(ctx)
}

// awaited returns how much was accepted and is not answered: commands and reads, changes of the membership that wait
// for their entries, and a transfer that is under way, which is a successor already.
func (d *driver) awaited() int {
	return d.core.mailbox.admission.pending() + d.core.mailbox.readRoom.pending() + d.waiters.len() + len(d.admin)
}

// shutdownIsOver reports whether the time for accepted work and for finding a successor is up.
func (d *driver) shutdownIsOver() bool { return d.core.clock.Now() >= d.shutdown.deadline }

// handOver asks a leader's engine to find a successor, so that the cluster does not wait for an election timeout. The
// engine answers within two of those, and at once when nobody could take over.
func (d *driver) handOver(ctx actor.Context) {
	d.shutdown.stage = shutdownHandOver
	if d.view.role != engine.Leader || d.shutdownIsOver() {
		d.handedOver(ctx, nil)
		return
	}
	d.batches++
	d.admin[d.batches] = &succession{d: d, ctx: ctx}
	d.step(ctx, &engine.TransferLeadership{Now: d.core.clock.Now(), ID: d.batches})
}

// succession is the transfer that a shutdown asks for.
type succession struct {
	d   *driver
	ctx actor.Context
}

func (s *succession) target() engine.NodeID { return 0 }
func (s *succession) transferred()          { s.d.handedOver(s.ctx, nil) }
func (s *succession) refuse(err error)      { s.d.handedOver(s.ctx, err) }

// handedOver goes on, whoever leads now.
func (d *driver) handedOver(ctx actor.Context, err error) {
	if d.shutdown.stage != shutdownHandOver {
		return
	}
	if err != nil {
		d.core.log.Debug("leadership was not handed over", "error", err)
	}
	d.shutdown.stage = shutdownTransport
	if d.transporter == nil { // it died, and was not replaced yet
		d.transportStopped(ctx)
		return
	}
	ctx.Stop(d.transporter)
}

// transportStopped goes on once nothing comes in or goes out any more.
func (d *driver) transportStopped(ctx actor.Context) {
	d.shutdown.stage = shutdownFlush
	ctx.Send(d.persistence, &flushStorage{})
}

// drained asks again as long as the engine had more to hand over.
func (d *driver) drained(ctx actor.Context) {
	if d.appliedIndex < d.handedIndex {
		ctx.Send(d.apply, &drainApply{})
		return
	}
	d.release(ErrStopped) // which ends a snapshot that is being written, too
	d.shutdown.stage = shutdownClose
	ctx.Stop(d.transfers.pid) // and then the snapshot actor
}

func (d *driver) storageClosed(ctx actor.Context, err error) {
	if err != nil {
		d.core.log.Warn("storage did not close cleanly", "error", err)
	}
	ctx.Stop(ctx.Self())
}
