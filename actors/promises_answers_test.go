package actors

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// Whoever waits is answered once, and with the truth.

// forgetfulCodec cannot decode any more, once it is armed.
type forgetfulCodec struct {
	counterCodec
	armed *atomic.Bool
}

func (c forgetfulCodec) Decode(data []byte) (int64, error) {
	if c.armed.Load() {
		return 0, errNegative
	}
	return c.counterCodec.Decode(data)
}

// A machine that has not applied what is committed shows its state to nobody, even before the driver has heard of it.
func TestReadBehindAnEntryThatIsNotAppliedNeverRuns(t *testing.T) {
	c := newCluster(t, 1)
	heard, goOn := make(chan struct{}), make(chan struct{})
	c.adjust = talkative(func(_ string, message any) {
		if _, ok := message.(*applyFailed); ok {
			close(heard)
			<-goOn
		}
	})
	var armed atomic.Bool
	def := definition(nil)
	def.Codec = forgetfulCodec{armed: &armed}
	n, err := Start(t.Context(), c.system, def, c.config(1, NewCluster{Members: c.members}))
	require.NoError(t, err)
	c.nodes[1] = n
	c.writable()
	armed.Store(true)
	write := writeAsync(n, 1)
	<-heard
	child := c.system.NewLocalPID(n.PID().GetId() + "/" + applyName)
	p := newProbe(t, c.system)
	r := n.core.adaptRead(&Read{View: func(any) any { return nil }}, p.pid).(*read)
	r.room = &readRoom{limit: 1}
	require.True(t, r.room.enter())
	c.system.Root.Send(child, newReadOrder([]*read{r}))
	c.system.Root.Send(child, &drainApply{})
	c.eventually(func() bool { return n.core.mailbox.control.len() > 1 }) // one may be a tick; the other is behind the read
	close(goOn)
	answer := p.next(t)
	require.IsType(t, &ReadFailed{}, answer)
	require.ErrorIs(t, answer.(*ReadFailed).Err, ErrFatal)
	require.ErrorIs(t, <-write, ErrOutcomeUnknown)
}

// An answer belongs to the entry that its waiter appended, and not to whatever is applied at its index.
func TestEntryOfAnotherLeaderAnswersNobodysSuccess(t *testing.T) {
	entry := func(term engine.Term, index engine.Index) *engine.Entry {
		data, err := counterCodec{}.Encode(nil, 1)
		require.NoError(t, err)
		return &engine.Entry{Term: term, Index: index, Kind: engine.EntryCommand, Data: data}
	}
	waiting := func(commands int, first engine.Index) (waiter, *testPort) {
		p, port := testProposal(commands)
		return waiter{ticket: p.ticket(), first: first, term: 3}, port
	}
	a := &applyActor{machine: typedApplication[int64, int64]{def: definition(nil)}.newMachine()}
	mine, answered := waiting(1, 10)
	begun, partly := waiting(2, 11)
	replaced, never := waiting(1, 13)
	a.waiters = []waiter{mine, begun, replaced}
	for _, e := range []*engine.Entry{entry(3, 10), entry(3, 11), entry(4, 12), entry(4, 13)} {
		require.NoError(t, a.applyEntry(e))
	}
	require.Equal(t, []error{nil}, answered.answers)
	require.Len(t, partly.answers, 1)
	require.ErrorIs(t, partly.answers[0], ErrOutcomeUnknown, "a part of the batch was applied")
	require.NotErrorIs(t, partly.answers[0], ErrRejected)
	require.Len(t, never.answers, 1)
	require.ErrorIs(t, never.answers[0], ErrRejected)
	require.NotErrorIs(t, never.answers[0], ErrOutcomeUnknown)
	require.Empty(t, a.waiters)
}

// A life that ends while its disk is busy holds proposals back; the next one has nothing to wait for.
func TestRestartTakesProposalsAgain(t *testing.T) {
	c := newCluster(t, 1)
	n := c.start(1, Join{}) // it never writes, so nothing else would open the lane
	earlier := n.core.epoch.Load()
	n.core.mailbox.hold(true)
	crash(c, n)
	c.eventually(func() bool { return n.core.epoch.Load() != earlier })
	answer := writeAsync(n, 1)
	c.eventually(func() bool { return len(answer) == 1 })
	require.ErrorIs(t, <-answer, ErrNoLeader)
}

// Whoever is refused because the driver panicked before it had taken note of them may simply try again.
func TestPanicBeforeClientsAreBookedRefusesThem(t *testing.T) {
	for _, victim := range []struct {
		name string
		of   func(message any) bool
		ask  func(n *Node[int64, int64]) error
	}{
		{
			"write", func(m any) bool { _, ok := m.(*naturalBatch); return ok },
			func(n *Node[int64, int64]) error { _, err := n.Write(context.Background(), 1); return err },
		},
		{
			"read", func(m any) bool { _, ok := m.(*readBatch); return ok },
			func(n *Node[int64, int64]) error { _, err := sum(context.Background(), n); return err },
		},
		{
			"status", func(m any) bool { _, ok := m.(statusQuestion); return ok },
			func(n *Node[int64, int64]) error { _, err := n.Status(context.Background()); return err },
		},
		{
			"change", func(m any) bool { _, ok := m.(changeRequest); return ok },
			func(n *Node[int64, int64]) error { _, err := n.Admin().Remove(context.Background(), 9); return err },
		},
		{
			"transfer", func(m any) bool { _, ok := m.(transferRequest); return ok },
			func(n *Node[int64, int64]) error { return n.TransferLeadership(context.Background(), 9) },
		},
	} {
		t.Run(victim.name, func(t *testing.T) {
			var armed atomic.Bool
			c := newCluster(t, 1)
			c.adjust = talkative(func(name string, message any) {
				if name == driverName && victim.of(message) && armed.Swap(false) {
					panic("injected")
				}
			})
			c.startAll()
			n := c.writable()
			armed.Store(true)
			answer := make(chan error, 1)
			go func() { answer <- victim.ask(n) }()
			c.eventually(func() bool { return len(answer) == 1 })
			require.ErrorIs(t, <-answer, ErrBusy, "certainly nothing was done")
			require.Zero(t, n.core.mailbox.admission.pending())
			require.Zero(t, n.core.mailbox.readRoom.pending())
			sum, err := c.writable().Write(t.Context(), 1)
			require.NoError(t, err)
			require.EqualValues(t, 3, sum)
		})
	}
}

// Whoever was booked when the driver panicked is answered once, from its books.
func TestPanicAfterClientsAreBookedAnswersThemOnce(t *testing.T) {
	for _, victim := range []struct {
		name string
		of   func(event engine.Event) bool
		ask  any
		want error
	}{
		{"write", isEvent[*engine.ClientProposalBatch], &Propose{Command: int64(1)}, ErrOutcomeUnknown},
		{"read", isEvent[*engine.ProposeRead], &Read{View: func(any) any { return nil }}, ErrSteppedDown},
		{"change", isEvent[*engine.ProposeConfigChange], &ChangeMembership{Change: engine.ConfigChange{Kind: engine.ChangeRemove, Target: 9}}, ErrOutcomeUnknown},
		{"transfer", isEvent[*engine.TransferLeadership], &TransferLeadership{Target: 9}, ErrTransferAborted},
	} {
		t.Run(victim.name, func(t *testing.T) {
			var armed atomic.Bool
			c := newCluster(t, 1)
			c.adjust = func(cfg *Config) {
				cfg.Runtime = &Runtime{Observer: onlooker{func(event engine.Event) {
					if victim.of(event) && armed.Swap(false) {
						panic("injected")
					}
				}}}
			}
			c.startAll()
			n := c.writable()
			armed.Store(true)
			p := newProbe(t, c.system)
			p.request(n.PID(), victim.ask)
			switch answer := p.next(t).(type) {
			case *ProposeFailed:
				require.ErrorIs(t, answer.Err, victim.want)
			case *ReadFailed:
				require.ErrorIs(t, answer.Err, victim.want)
			default:
				require.Fail(t, "unexpected answer", "%T", answer)
			}
			c.writable()
			p.request(n.PID(), &GetStatus{})
			require.IsType(t, &Status{}, p.next(t), "the answer before was the only one")
			require.Zero(t, n.core.mailbox.admission.pending())
			require.Zero(t, n.core.mailbox.readRoom.pending())
		})
	}
}

func isEvent[E engine.Event](event engine.Event) bool { _, ok := event.(E); return ok }

// meddled is a driver that has heard of peers before its transport has opened, and whose steps fail from then on.
type meddled struct {
	*driver
	early []remote.Hello
}

func (m meddled) Receive(ctx actor.Context) {
	if _, opened := ctx.Message().(*transportOpened); opened {
		m.driver.early, m.stepping = m.early, true
	}
	m.driver.Receive(ctx)
}

// Several peers may have said hello before the node serves. If the first of them fails it, nothing of the others reaches
// an engine that is not there any more, and the start tells the failure.
func TestEarlyHandshakeThatFailsTheNodeIsTheLast(t *testing.T) {
	c := newCluster(t, 1)
	hello := func(id engine.NodeID) remote.Hello {
		return remote.Hello{Cluster: engine.ClusterID{Name: "test"}, Peer: engine.Peer{ID: id, Incarnation: 9}}
	}
	core, err := newCore(c.config(1, NewCluster{Members: c.members}), typedApplication[int64, int64]{def: definition(nil)})
	require.NoError(t, err)
	core.system, core.pid = c.system, c.system.NewLocalPID("meddled")
	core.useDispatcher()
	pid, err := c.system.Root.SpawnNamed(actor.PropsFromProducer(func() actor.Actor {
		return meddled{newDriver(core), []remote.Hello{hello(8), hello(9)}}
	},
		actor.WithMailbox(func() actor.Mailbox { return core.mailbox }),
		actor.WithDispatcher(core.dispatcherOf(driverName))), "meddled")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = core.started.wait(ctx)
	require.ErrorIs(t, err, ErrFatal)
	require.ErrorIs(t, err, errResumed)
	require.NoError(t, core.panicked, "nobody asked an engine that is gone")
	c.system.Root.Stop(pid)
	<-core.stopped
}
