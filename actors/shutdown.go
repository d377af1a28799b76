package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// A graceful shutdown is ordered by messages, because protoactor would stop the children side by side:
//
//	refuse new work → wait, bounded, for accepted work → stop the transport → persistence syncs what is queued →
//	apply drains what became durable → answer the rest → close and unlock the storage → stop
type shutdownStage uint8

const (
	shutdownNone shutdownStage = iota
	shutdownWaiting
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

// shutdownProgress stops waiting for accepted work when there is none left or the time is up.
func (d *driver) shutdownProgress(ctx actor.Context) {
	if d.shutdown.stage != shutdownWaiting {
		return
	}
	accepted := d.core.mailbox.admission.pending() + d.core.mailbox.readRoom.pending()
	if accepted > 0 && d.core.clock.Now() < d.shutdown.deadline {
		return
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
	d.release(ErrStopped)
	d.shutdown.stage = shutdownClose
	ctx.Send(d.persistence, &closeStorage{})
}

func (d *driver) storageClosed(ctx actor.Context, err error) {
	if err != nil {
		d.core.log.Warn("storage did not close cleanly", "error", err)
	}
	ctx.Stop(ctx.Self())
}
