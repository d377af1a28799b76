package actors

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/remote/remotetest"
)

// routeLog is a network that writes down which routes its transports are told to set and to drop.
type routeLog struct {
	remote.Network
	mu    sync.Mutex
	lines []string
}

type routeLogTransport struct {
	remote.Transport
	log *routeLog
}

func (l *routeLog) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := l.Network.NewTransport(hello)
	return routeLogTransport{transport, l}, err
}

func (l *routeLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *routeLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (t routeLogTransport) SetRoute(to engine.NodeID, address string) {
	t.log.add("set %v", to)
	t.Transport.SetRoute(to, address)
}

func (t routeLogTransport) DropRoute(to engine.NodeID) {
	t.log.add("drop %v", to)
	t.Transport.DropRoute(to)
}

// routed is a single node whose time is the test's.
type routed struct {
	*cluster
	t     *testing.T
	clock *manualClock
	log   *routeLog
	node  *Node[int64, int64]
	disk  *diskGate
}

func newRouted(t *testing.T) *routed {
	c := newCluster(t, 1)
	r := &routed{cluster: c, t: t, clock: &manualClock{now: new(atomic.Int64)}, log: &routeLog{Network: c.network}}
	r.disk = &diskGate{Opener: c.storages[1]}
	c.storages[1] = r.disk
	t.Cleanup(r.disk.release)
	c.adjust = func(cfg *Config) {
		cfg.Network, cfg.Runtime = r.log, &Runtime{Clock: r.clock}
	}
	c.startAll()
	r.node = c.nodes[1]
	c.eventually(func() bool { return r.clock.tick.Load() != nil })
	c.eventually(func() bool {
		r.pass(r.node.core.cfg.TickInterval)
		_, err := r.node.Write(t.Context(), 0)
		return err == nil
	})
	return r
}

// pass lets time pass at once and has the node take two ticks after it: what one begins, the other may end.
func (r *routed) pass(d time.Duration) {
	r.clock.now.Add(int64(d))
	for range 2 {
		(*r.clock.tick.Load())()
		r.eventually(func() bool { return !r.node.core.tickQueued.Load() })
		_, err := r.node.Status(r.t.Context()) // the tick is over
		require.NoError(r.t, err)
	}
}

func (r *routed) grace() time.Duration {
	cfg := &r.node.core.cfg
	return routeGrace * time.Duration(cfg.ElectionTimeoutMaxTicks) * cfg.TickInterval
}

func (r *routed) add(id engine.NodeID) {
	_, err := r.node.Admin().AddLearner(r.t.Context(), id, remote.InProcessAddress(id))
	require.NoError(r.t, err)
}

func (r *routed) remove(id engine.NodeID) {
	_, err := r.node.Admin().Remove(r.t.Context(), id)
	require.NoError(r.t, err)
}

// requireRoutes waits for what the transport is told behind the ticks.
func (r *routed) requireRoutes(lines ...string) {
	r.t.Helper()
	r.eventually(func() bool { return len(r.log.all()) >= len(lines) })
	require.Equal(r.t, lines, r.log.all())
}

func TestRouteOfARemovedMemberGoesAfterItCouldBeTold(t *testing.T) {
	r := newRouted(t)
	r.add(2)
	r.add(3)
	r.remove(2)
	r.pass(0) // the removal is committed: the time begins
	r.pass(r.grace() - 1)
	r.requireRoutes("set n2", "set n3")
	r.pass(1)
	r.requireRoutes("set n2", "set n3", "drop n2")
	r.pass(10 * r.grace())
	r.add(2)
	r.requireRoutes("set n2", "set n3", "drop n2", "set n2")
}

func TestRouteOfAMemberThatComesBackStays(t *testing.T) {
	r := newRouted(t)
	r.add(2)
	r.remove(2)
	r.pass(r.grace() / 2)
	r.add(2)
	r.pass(10 * r.grace())
	r.add(3)
	r.requireRoutes("set n2", "set n3")
}

// Until its removal is committed a member is needed, to be told of it if for nothing else.
func TestRouteOfALeavingMemberStaysUntilItsRemovalIsCommitted(t *testing.T) {
	r := newRouted(t)
	r.add(2)
	r.disk.arm(nil)
	removed := make(chan error, 1)
	go func() {
		_, err := r.node.Admin().Remove(r.t.Context(), 2)
		removed <- err
	}()
	<-r.disk.entered
	for range 3 {
		r.pass(r.grace())
	}
	require.Equal(t, []string{"set n2"}, r.log.all())
	r.disk.release()
	if err := <-removed; err != nil { // leadership may have ended over it
		require.ErrorIs(t, err, ErrOutcomeUnknown)
	}
	r.eventually(func() bool {
		r.pass(r.node.core.cfg.TickInterval)
		status, err := r.node.Status(t.Context())
		return err == nil && status.Commit == status.Last.Index
	})
	r.pass(0)
	r.pass(r.grace())
	r.requireRoutes("set n2", "drop n2")
}

// Its own handshake is the route to a member that comes back when nobody knows it any more: it is told that it was removed.
func TestMemberThatComesBackLateIsTold(t *testing.T) {
	r := newRouted(t)
	r.add(2)
	r.remove(2)
	r.pass(0)
	r.pass(r.grace())
	r.requireRoutes("set n2", "drop n2")
	status, err := r.node.Status(t.Context())
	require.NoError(t, err)

	back, err := r.network.NewTransport(remote.Hello{
		Cluster: status.Cluster, Peer: peer2, MinElectionTimeout: time.Second, Epoch: 7,
	})
	require.NoError(t, err)
	hears := remotetest.NewRecorder()
	require.NoError(t, back.Start(hears))
	t.Cleanup(func() { require.NoError(t, back.Close()) })
	back.SetRoute(1, remote.InProcessAddress(1))
	back.Send(1, &engine.RequestPreVote{Term: status.Term + 1, Round: 1, Last: engine.Position{Term: 1, Index: 1}})
	told, ok := hears.Next().Message.(*engine.Removed)
	require.True(t, ok)
	require.Equal(t, peer2.Incarnation, told.Incarnation)
	r.requireRoutes("set n2", "drop n2")
}
