package actors

import "github.com/asynkron/protoactor-go/actor"

// tickerActor turns wall time into ticks for the driver; it alone knows the clock's pace. At most one tick is
// queued: a driver that was busy hears once that time has passed.
type tickerActor struct {
	core  *core
	epoch uint64
	stop  func()
}

// Receive implements actor.Actor.
func (t *tickerActor) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		t.start(ctx.Parent())
	case *actor.Stopping, *actor.Restarting:
		t.core.guarded(tickerName, t.halt)
	}
}

func (t *tickerActor) start(driver *actor.PID) {
	tick := &ticked{epoch: t.epoch}
	root := t.core.system.Root
	t.core.tickQueued.Store(false)
	t.stop = t.core.clock.Every(t.core.cfg.TickInterval, func() {
		if t.core.tickQueued.CompareAndSwap(false, true) {
			root.Send(driver, tick)
		}
	})
}

func (t *tickerActor) halt() {
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
}
