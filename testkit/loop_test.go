package testkit_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/testkit"
)

func TestTimeMovesOnlyWhenNothingElseCan(t *testing.T) {
	loop := testkit.NewLoop(1)
	start := loop.Now()
	var order []string
	loop.After(2*time.Second, func() { order = append(order, "second") })
	loop.After(time.Second, func() {
		order = append(order, "first")
		loop.After(time.Second/2, func() { order = append(order, "between") })
	})
	loop.After(time.Hour, func() { order = append(order, "never") })
	loop.Settle()
	require.Empty(t, order)
	loop.Advance(2 * time.Second)
	require.Equal(t, []string{"first", "between", "second"}, order)
	require.Equal(t, start+engine.Instant(2*time.Second), loop.Now())
}

func TestRunStopsAtTheConditionOrAtTheLimit(t *testing.T) {
	loop := testkit.NewLoop(1)
	start, happened := loop.Now(), false
	loop.After(time.Second, func() { happened = true })
	require.False(t, loop.Run(func() bool { return happened }, time.Second/2))
	require.Equal(t, start+engine.Instant(time.Second/2), loop.Now())
	require.True(t, loop.Run(func() bool { return happened }, time.Hour))
	require.Equal(t, start+engine.Instant(time.Second), loop.Now())
}

func TestTickerTicksOnceAnIntervalUntilItIsStoppedOrItsSeatLeft(t *testing.T) {
	loop := testkit.NewLoop(1)
	seat := loop.Join(1)
	var stopped, left int
	stop := seat.Every(10*time.Millisecond, func() { stopped++ })
	seat.Every(20*time.Millisecond, func() { left++ })
	loop.Advance(100 * time.Millisecond)
	require.Equal(t, 10, stopped)
	require.Equal(t, 5, left)
	stop()
	loop.Advance(100 * time.Millisecond)
	require.Equal(t, 10, stopped)
	require.Equal(t, 10, left)
	seat.Leave()
	loop.Advance(100 * time.Millisecond)
	require.Equal(t, 10, left)
}

// spawn starts an actor of the test's own in the loop.
func spawn(t *testing.T, seat *testkit.Seat, name string, receive actor.ReceiveFunc) (*actor.RootContext, *actor.PID) {
	t.Helper()
	system := actor.NewActorSystem()
	t.Cleanup(system.Shutdown)
	return system.Root, system.Root.Spawn(actor.PropsFromFunc(receive, actor.WithDispatcher(seat.Dispatcher(name))))
}

func TestActorOfTheTestsOwnTakesPart(t *testing.T) {
	loop := testkit.NewLoop(1)
	seat, place := loop.Join(7), testkit.Place{Node: 7, Name: "mine"}
	var heard []any
	root, pid := spawn(t, seat, place.Name, func(ctx actor.Context) {
		if n, ok := ctx.Message().(int); ok {
			heard = append(heard, n)
		}
	})
	loop.Settle()
	root.Send(pid, 1)
	require.Empty(t, heard, "nothing runs unless the loop does")
	loop.Settle()
	require.Equal(t, []any{1}, heard)

	loop.Stall(place)
	root.Send(pid, 2)
	loop.Advance(time.Minute)
	require.Equal(t, []any{1}, heard)
	loop.Resume(place)
	loop.Settle()
	require.Equal(t, []any{1, 2}, heard)

	loop.Slow(place, time.Second, time.Second)
	root.Send(pid, 3)
	loop.Advance(time.Second - 1)
	require.Equal(t, []any{1, 2}, heard)
	loop.Advance(1)
	require.Equal(t, []any{1, 2, 3}, heard)

	root.Send(pid, 4)
	seat.Leave()
	root.Send(pid, 5)
	loop.Advance(time.Minute)
	require.Equal(t, []any{1, 2, 3}, heard, "who has left gets no turn")
}

func TestActorsThatKeepEachOtherBusyAreNoticed(t *testing.T) {
	loop := testkit.NewLoop(1)
	dispatcher := loop.Join(1).Dispatcher("mine")
	var turn func()
	turn = func() { dispatcher.Schedule(turn) }
	turn()
	require.PanicsWithValue(t, "testkit: 1000000 turns without time passing; the last is one of n1/mine", loop.Settle)
}
