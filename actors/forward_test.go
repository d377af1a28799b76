package actors

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// tapped is a network on which a test hears what hosts say to each other, and says it itself.
type tapped struct {
	remote.Network
	heard  chan engine.Message
	brings remote.Handler // to the newest transport's node
}

type tappedTransport struct {
	remote.Transport
	tap *tapped
}

func (n *tapped) NewTransport(hello remote.Hello) (remote.Transport, error) {
	transport, err := n.Network.NewTransport(hello)
	return tappedTransport{transport, n}, err
}

func (t tappedTransport) Start(handler remote.Handler) error {
	t.tap.brings = handler
	return t.Transport.Start(handler)
}

func (t tappedTransport) Send(to engine.NodeID, message engine.Message) {
	switch message.(type) {
	case *engine.ProposalForward, *engine.ProposalForwardResult:
		t.tap.heard <- message
	default:
		t.Transport.Send(to, message)
	}
}

// lone is one node whose peers the test plays.
type lone struct {
	*cluster
	node  *Node[int64, int64]
	in    remote.Handler
	tap   *tapped
	clock *manualClock
}

var peer2, peer3 = engine.Peer{ID: 2, Incarnation: 2}, engine.Peer{ID: 3, Incarnation: 3}

func newLone(t *testing.T, adjust func(*Config)) *lone {
	c := newCluster(t, 1)
	l := &lone{cluster: c, tap: &tapped{Network: c.network, heard: make(chan engine.Message, 100)}}
	c.adjust = func(cfg *Config) {
		cfg.Network, cfg.ForwardProposals = l.tap, true
		if adjust != nil {
			adjust(cfg)
		}
	}
	return l
}

// newFollower is a node that has joined and follows peer 2 in term 4. Its time is the test's.
func newFollower(t *testing.T) *lone {
	clock := &manualClock{now: new(atomic.Int64)}
	l := newLone(t, func(cfg *Config) { cfg.Runtime = &Runtime{Clock: clock} })
	l.clock = clock
	l.serve(Join{})
	l.in.Deliver(peer2, &engine.Heartbeat{Term: 4, Number: 1}, 20)
	l.eventually(func() bool { return l.term(l.node) == 4 })
	return l
}

// newLeader is a node that leads itself.
func newLeader(t *testing.T, adjust func(*Config)) *lone {
	l := newLone(t, adjust)
	l.serve(NewCluster{Members: l.members})
	l.leader()
	return l
}

func (l *lone) serve(mode Bootstrap) {
	l.node = l.start(1, mode)
	l.in = l.tap.brings
}

func heard[M engine.Message](l *lone) M {
	l.t.Helper()
	l.eventually(func() bool { return len(l.tap.heard) > 0 })
	message := <-l.tap.heard
	require.IsType(l.t, *new(M), message)
	return message.(M)
}

type written struct {
	response int64
	err      error
}

// write has a client of the node write, and returns what was sent on.
func (l *lone) write(command int64) (*engine.ProposalForward, chan written) {
	l.t.Helper()
	result := make(chan written, 2)
	go func() {
		response, err := l.node.Write(l.t.Context(), command)
		result <- written{response, err}
	}()
	return heard[*engine.ProposalForward](l), result
}

func (l *lone) answer(from engine.Peer, request *engine.ProposalForward, change func(*engine.ProposalForwardResult)) {
	result := &engine.ProposalForwardResult{Term: request.Term, Origin: request.Origin, ID: request.ID}
	change(result)
	l.in.Deliver(from, result, 20)
}

func outcome(of engine.ForwardOutcome) func(*engine.ProposalForwardResult) {
	return func(r *engine.ProposalForwardResult) { r.Outcome = of }
}

func appliedWith(responses ...[]byte) func(*engine.ProposalForwardResult) {
	return func(r *engine.ProposalForwardResult) { r.Outcome, r.Responses = engine.ForwardApplied, responses }
}

func encoded(t *testing.T, command int64) []byte {
	t.Helper()
	data, err := counterCodec{}.Encode(nil, command)
	require.NoError(t, err)
	return data
}

// What the leader says, or does not say, and what the follower's client is told.
func TestOutcomesOfForwardedProposals(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(l *lone, request *engine.ProposalForward)
		want    error
		cause   error // of an unknown outcome
	}{
		"applied": {func(l *lone, r *engine.ProposalForward) {
			l.answer(peer2, r, appliedWith(encoded(l.t.(*testing.T), 42)))
		}, nil, nil},
		"not leader, and who is": {func(l *lone, r *engine.ProposalForward) {
			l.answer(peer2, r, func(r *engine.ProposalForwardResult) { r.Outcome, r.Leader = engine.ForwardNotLeader, 3 })
		}, ErrNotLeader, nil},
		"not leader, but this node": {func(l *lone, r *engine.ProposalForward) {
			l.answer(peer2, r, func(r *engine.ProposalForwardResult) { r.Outcome, r.Leader = engine.ForwardNotLeader, 1 })
		}, ErrNoLeader, nil},
		"no leader":     {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardNotLeader)) }, ErrNoLeader, nil},
		"busy":          {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardBusy)) }, ErrBusy, nil},
		"disk":          {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardDiskNearlyFull)) }, ErrDiskNearlyFull, nil},
		"too large":     {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardTooLarge)) }, ErrTooLarge, nil},
		"bad command":   {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardBadCommand)) }, ErrBadCommand, nil},
		"rejected":      {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardRejected)) }, ErrRejected, nil},
		"shutting down": {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, outcome(engine.ForwardShutdown)) }, ErrNoLeader, nil},
		"unknown": {func(l *lone, r *engine.ProposalForward) {
			l.answer(peer2, r, func(r *engine.ProposalForwardResult) {
				r.Outcome, r.Position = engine.ForwardUnknown, engine.Position{Term: 4, Index: 9}
			})
		}, ErrOutcomeUnknown, ErrForwardUnanswered},
		"a response too many":             {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, appliedWith(nil, nil)) }, ErrOutcomeUnknown, ErrForwardUnanswered},
		"a response that does not decode": {func(l *lone, r *engine.ProposalForward) { l.answer(peer2, r, appliedWith([]byte{1})) }, ErrOutcomeUnknown, nil},
		"another leader": {func(l *lone, _ *engine.ProposalForward) {
			l.in.Deliver(peer3, &engine.Heartbeat{Term: 5, Number: 1}, 20)
		}, ErrOutcomeUnknown, ErrLostLeadership},
		"the same leader in a later term": {func(l *lone, _ *engine.ProposalForward) {
			l.in.Deliver(peer2, &engine.Heartbeat{Term: 5, Number: 1}, 20)
		}, ErrOutcomeUnknown, ErrLostLeadership},
		"silence": {func(l *lone, _ *engine.ProposalForward) {
			l.clock.now.Add(forwardPatience * 40 * int64(l.node.core.cfg.TickInterval))
			(*l.clock.tick.Load())()
		}, ErrOutcomeUnknown, ErrForwardUnanswered},
		"the end of the node": {func(l *lone, _ *engine.ProposalForward) { l.system.Root.Stop(l.node.PID()) }, ErrOutcomeUnknown, ErrStopped},
		"a restart":           {func(l *lone, _ *engine.ProposalForward) { crash(l.cluster, l.node) }, ErrOutcomeUnknown, ErrRestarted},
	} {
		t.Run(name, func(t *testing.T) {
			l := newFollower(t)
			l.t = t
			request, result := l.write(7)
			require.EqualValues(t, 4, request.Term)
			require.Equal(t, [][]byte{encoded(t, 7)}, request.Commands)
			c.happens(l, request)
			l.eventually(func() bool { return len(result) == 1 })
			got := <-result
			require.ErrorIs(t, got.err, c.want)
			if c.want == nil {
				require.EqualValues(t, 42, got.response)
			}
			if c.cause != nil {
				require.ErrorIs(t, got.err, c.cause)
			}
			if c.want != nil && !errors.Is(c.want, ErrOutcomeUnknown) {
				require.NotErrorIs(t, got.err, ErrOutcomeUnknown)
			}
			l.answer(peer2, request, appliedWith(encoded(t, 1))) // too late, or for the second time
			_, _ = l.node.Status(t.Context())
			l.eventually(func() bool { return l.node.core.mailbox.peers.len() == 0 })
			require.Zero(t, l.node.core.mailbox.admission.pending())
			if !errors.Is(c.cause, ErrRestarted) {
				require.NoError(t, l.node.core.panicked, "nobody is answered twice")
			}
		})
	}
}

// The words of others than the one that was asked, and of other lives, are nobody's answer.
func TestOnlyTheLeaderThatWasAskedAnswers(t *testing.T) {
	l := newFollower(t)
	request, result := l.write(7)
	l.answer(peer3, request, outcome(engine.ForwardBusy))
	l.answer(peer2, request, func(r *engine.ProposalForwardResult) { r.Outcome, r.Origin = engine.ForwardBusy, request.Origin+1 })
	l.answer(peer2, request, func(r *engine.ProposalForwardResult) { r.Outcome, r.ID = engine.ForwardBusy, request.ID+1 })
	l.answer(peer2, request, appliedWith(encoded(t, 42)))
	l.eventually(func() bool { return len(result) == 1 })
	require.Equal(t, written{42, nil}, <-result)
}

// Who cancels leaves at once; the places of what was sent on are given back when the leader has answered, and the answer
// reaches nobody else.
func TestCallerOfAForwardedProposalMayLeave(t *testing.T) {
	l := newFollower(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, err := l.node.Write(ctx, 7)
		result <- err
	}()
	request := heard[*engine.ProposalForward](l)
	cancel()
	err := <-result
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, l.node.core.mailbox.admission.pending())

	next, answered := l.write(8)
	l.answer(peer2, request, appliedWith(encoded(t, 7)))
	l.eventually(func() bool { return l.node.core.mailbox.admission.pending() == 1 })
	require.Empty(t, answered)
	l.answer(peer2, next, appliedWith(encoded(t, 15)))
	require.Equal(t, written{15, nil}, <-answered)
	require.Zero(t, l.node.core.mailbox.admission.pending())
}

// A batch is one request and has one answer: all responses in order, or one outcome for all of it.
func TestBatchIsForwardedWhole(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*engine.ProposalForwardResult)
		want   []int64
		err    error
	}{
		"applied":        {appliedWith(encoded(t, 7), encoded(t, 15)), []int64{7, 15}, nil},
		"half an answer": {appliedWith(encoded(t, 7)), nil, ErrOutcomeUnknown},
		"half decodes":   {appliedWith(encoded(t, 7), []byte{1}), nil, ErrOutcomeUnknown},
		"refused":        {outcome(engine.ForwardBusy), nil, ErrBusy},
	} {
		t.Run(name, func(t *testing.T) {
			l := newFollower(t)
			type answer struct {
				responses []int64
				err       error
			}
			result := make(chan answer, 1)
			go func() {
				responses, err := l.node.WriteBatch(t.Context(), []int64{7, 8})
				result <- answer{responses, err}
			}()
			request := heard[*engine.ProposalForward](l)
			require.Equal(t, [][]byte{encoded(t, 7), encoded(t, 8)}, request.Commands)
			l.answer(peer2, request, c.change)
			got := <-result
			require.ErrorIs(t, got.err, c.err)
			require.Equal(t, c.want, got.responses)
			require.Zero(t, l.node.core.mailbox.admission.pending())
		})
	}
}

// Those that wait for the leader take the places of this node's bound.
func TestForwardedProposalsAreBounded(t *testing.T) {
	l := newFollower(t)
	l.node.core.mailbox.admission.limit = 1
	request, result := l.write(7)
	_, err := l.node.Write(t.Context(), 8)
	require.ErrorIs(t, err, ErrBusy)
	l.answer(peer2, request, appliedWith(encoded(t, 42)))
	l.eventually(func() bool { return len(result) == 1 })
	require.NoError(t, (<-result).err)
	metrics, err := l.node.NodeMetrics(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, metrics.Forwarded)
}

// What does not fit into one message is not sent: its caller is.
func TestLargeBatchIsNotForwarded(t *testing.T) {
	l := newFollower(t)
	p, port := testProposal(1)
	p.size = maxForwardBytes + 1
	requireNotForwarded(t, l, p, port)
}

// requireNotForwarded gives a follower a proposal, which it keeps to itself: the caller hears that it does not lead.
func requireNotForwarded(t *testing.T, l *lone, p *proposal, port *testPort) {
	t.Helper()
	l.node.core.mailbox.PostUserMessage(p)
	l.eventually(func() bool { return l.node.core.mailbox.admission.pending() == 0 })
	_, err := l.node.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, port.answers, 1)
	require.ErrorIs(t, port.answers[0], ErrNotLeader)
	require.Empty(t, l.tap.heard)
}

// A node that does not lead sends nothing on that was sent on to it.
func TestProposalsGoOneHop(t *testing.T) {
	l := newFollower(t)
	forward := &engine.ProposalForward{Term: 4, Origin: 9, ID: 1, Commands: [][]byte{encoded(t, 1)}}
	l.in.Deliver(peer3, forward, 20)
	require.Equal(t, &engine.ProposalForwardResult{
		Term: 4, Origin: 9, ID: 1, Outcome: engine.ForwardNotLeader, Leader: 2,
	}, heard[*engine.ProposalForwardResult](l))

	// Also when it has led until a moment ago, and it was queued meanwhile.
	p, port := testProposal(1)
	p.relayedIn = 4
	requireNotForwarded(t, l, p, port)
}

func TestLeaderProposesForOthers(t *testing.T) {
	l := newLeader(t, func(cfg *Config) { cfg.ForwardProposals = false })
	term := l.term(l.node)
	forward := &engine.ProposalForward{Term: term, Origin: 9, ID: 1, Commands: [][]byte{encoded(t, 5), encoded(t, 6)}}
	l.in.Deliver(peer2, forward, 40)
	require.Equal(t, &engine.ProposalForwardResult{
		Term: term, Origin: 9, ID: 1, Outcome: engine.ForwardApplied, Responses: [][]byte{encoded(t, 5), encoded(t, 11)},
	}, heard[*engine.ProposalForwardResult](l))

	l.in.Deliver(peer2, forward, 40) // a network may repeat itself
	another := &engine.ProposalForward{Term: term, Origin: 9, ID: 2, Commands: [][]byte{encoded(t, 1)}}
	l.in.Deliver(peer2, another, 40)
	require.Equal(t, [][]byte{encoded(t, 12)}, heard[*engine.ProposalForwardResult](l).Responses, "the first is not applied again")

	stale := &engine.ProposalForward{Term: term + 1, Origin: 9, ID: 3, Commands: [][]byte{encoded(t, 1)}}
	l.in.Deliver(peer2, stale, 40)
	require.Equal(t, engine.ForwardNotLeader, heard[*engine.ProposalForwardResult](l).Outcome)

	large := &engine.ProposalForward{Term: term, Origin: 9, ID: 4, Commands: [][]byte{make([]byte, l.node.core.cfg.MaxCommandBytes+1)}}
	l.in.Deliver(peer2, large, 40)
	require.Equal(t, engine.ForwardTooLarge, heard[*engine.ProposalForwardResult](l).Outcome)

	reborn := &engine.ProposalForward{Term: term, Origin: 10, ID: 1, Commands: [][]byte{encoded(t, 1)}}
	l.in.Deliver(peer2, reborn, 40)
	require.Equal(t, engine.ForwardApplied, heard[*engine.ProposalForwardResult](l).Outcome, "a life that begins counts anew")
}

// A leader's own bounds hold for what others send on.
func TestLeaderIsBusyForOthersToo(t *testing.T) {
	g := newGate()
	l := newLone(t, func(cfg *Config) { cfg.MaxPendingProposals = 1 })
	l.apply = g.pass
	l.serve(NewCluster{Members: l.members})
	l.leader()
	write := writeAsync(l.node, 1)
	l.eventually(func() bool { return g.entered.Load() == 1 })
	forward := &engine.ProposalForward{Term: l.term(l.node), Origin: 9, ID: 1, Commands: [][]byte{encoded(t, 5)}}
	l.in.Deliver(peer2, forward, 40)
	require.Equal(t, engine.ForwardBusy, heard[*engine.ProposalForwardResult](l).Outcome)
	close(g.open)
	require.NoError(t, <-write)
}

func TestEveryErrorHasAForwardOutcome(t *testing.T) {
	for want, errs := range map[engine.ForwardOutcome][]error{
		engine.ForwardApplied:        {nil},
		engine.ForwardNotLeader:      {&NotLeaderError{Leader: 2}, ErrNoLeader},
		engine.ForwardBusy:           {ErrBusy},
		engine.ForwardDiskNearlyFull: {ErrDiskNearlyFull},
		engine.ForwardTooLarge:       {ErrTooLarge},
		engine.ForwardBadCommand:     {ErrBadCommand},
		engine.ForwardRejected:       {ErrRejected},
		engine.ForwardShutdown:       {ErrShutdown},
		engine.ForwardUnknown: {
			ErrDriverDead, &FatalError{Op: "apply", Err: errDisk}, &OutcomeUnknownError{Cause: ErrBusy}, errDisk,
		},
	} {
		for _, err := range errs {
			require.Equal(t, want, forwardOutcome(err), "%v", err)
		}
	}
}

// responseless is a codec that cannot bring responses to another node.
type responseless struct{ statemachine.Codec[int64] }

func TestForwardingNeedsACodecOfResponses(t *testing.T) {
	l := newLone(t, nil)
	def := definition(nil)
	def.Codec = responseless{counterCodec{}}
	_, err := NewProps(def, l.config(1, NewCluster{Members: l.members}))
	require.ErrorIs(t, err, ErrInvalidConfig)
}
