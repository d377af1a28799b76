package actors

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// stepper is a dispatcher that keeps turns until the test runs them.
type stepper struct {
	limit int
	turns []func()
}

func (s *stepper) Schedule(turn func()) { s.turns = append(s.turns, turn) }
func (s *stepper) Throughput() int      { return s.limit }

// run runs the turns that are queued, and those that they queue, and returns how many there were.
func (s *stepper) run() int {
	n := 0
	for len(s.turns) > 0 {
		turn := s.turns[0]
		s.turns = s.turns[1:]
		turn()
		n++
	}
	return n
}

// recorder is an invoker that writes down what it is given.
type recorder struct {
	seen    []string
	failed  []any
	receive func(message any)
}

func (r *recorder) InvokeSystemMessage(message any) {
	r.seen = append(r.seen, fmt.Sprintf("system:%v", message))
}
func (r *recorder) EscalateFailure(reason, _ any) { r.failed = append(r.failed, reason) }
func (r *recorder) InvokeUserMessage(message any) {
	switch m := message.(type) {
	case *naturalBatch:
		r.seen = append(r.seen, fmt.Sprintf("proposals:%d", m.commands))
	case *readBatch:
		r.seen = append(r.seen, fmt.Sprintf("reads:%d", len(m.reads)))
	case *batch:
		r.seen = append(r.seen, fmt.Sprintf("all:%v", m.messages))
	case *testQuestion:
		r.seen = append(r.seen, "question")
	default:
		r.seen = append(r.seen, fmt.Sprint(m))
	}
	if r.receive != nil {
		r.receive(message)
	}
}

// testPort collects the answers of one proposal.
type testPort struct{ answers []error }

func (p *testPort) put(uint64, int, any)     {}
func (p *testPort) finish(_ uint64, e error) { p.answers = append(p.answers, e) }

type testQuestion struct{ refused []error }

func (q *testQuestion) refuse(err error) { q.refused = append(q.refused, err) }

func testProposal(commands int) (*proposal, *testPort) {
	port := &testPort{}
	return &proposal{commands: make([][]byte, commands), reply: port}, port
}

func testMailbox(limit int) (*mailbox, *recorder, *stepper) {
	m, r, s := newMailbox(limit), &recorder{}, &stepper{limit: throughput}
	m.RegisterHandlers(r, s)
	m.Start()
	return m, r, s
}

func TestLanesAreServedInOrder(t *testing.T) {
	m, r, s := testMailbox(10)
	p, _ := testProposal(2)
	m.PostUserMessage(p)
	m.PostUserMessage(&testQuestion{})
	m.PostUserMessage("control 1")
	m.PostUserMessage("control 2")
	m.PostSystemMessage("stop")
	require.Equal(t, 1, s.run(), "one wake-up serves everything that is queued")
	require.Equal(t, []string{"system:stop", "control 1", "control 2", "question", "proposals:2"}, r.seen)
}

func TestMessagesBeforeTheMailboxIsWiredWaitForStart(t *testing.T) {
	m, r, s := newMailbox(10), &recorder{}, &stepper{limit: throughput}
	m.PostUserMessage("early") // the name of an actor is known before its mailbox is wired
	m.RegisterHandlers(r, s)
	require.Empty(t, s.turns)
	m.Start()
	s.run()
	require.Equal(t, []string{"early"}, r.seen)
}

func TestFullProposalLaneAnswersBusyWithoutWaking(t *testing.T) {
	m, r, s := testMailbox(3)
	first, firstPort := testProposal(3)
	m.PostUserMessage(first)
	s.run()
	second, port := testProposal(1)
	m.PostUserMessage(second)
	require.Equal(t, []error{ErrBusy}, port.answers)
	require.Empty(t, s.turns, "the actor is not woken for what is refused")
	require.Equal(t, []string{"proposals:3"}, r.seen)

	first.ticket().answer(nil) // places are held from acceptance to answer
	require.Equal(t, []error{nil}, firstPort.answers)
	third, port := testProposal(1)
	m.PostUserMessage(third)
	s.run()
	require.Empty(t, port.answers)
	require.Equal(t, []string{"proposals:3", "proposals:1"}, r.seen)
}

func TestBatchLargerThanTheBoundIsNeverAdmitted(t *testing.T) {
	m, _, _ := testMailbox(3)
	p, port := testProposal(4)
	m.PostUserMessage(p)
	require.Equal(t, []error{ErrTooLarge}, port.answers, "Busy would be retried for ever")
	require.Zero(t, m.admission.pending())
}

func TestClientsGetATurnUnderControlLoad(t *testing.T) {
	m, r, s := testMailbox(10)
	p, _ := testProposal(1)
	m.PostUserMessage(p)
	for i := range 3 * controlRun {
		m.PostUserMessage(i)
	}
	s.run()
	require.Equal(t, "proposals:1", r.seen[controlRun])
	require.Len(t, r.seen, 3*controlRun+1)
}

func TestQuestionsAndProposalsTakeTurns(t *testing.T) {
	m, r, s := testMailbox(100)
	r.receive = func(any) { // someone always asks and someone always proposes
		if len(r.seen) < 8 {
			m.PostUserMessage(&testQuestion{})
			p, _ := testProposal(1)
			m.PostUserMessage(p)
		}
	}
	m.PostUserMessage("go")
	s.run()
	require.Equal(t, []string{"go", "question", "proposals:2", "question", "proposals:2", "question"}, r.seen[:6])
}

func TestNaturalBatchIsBounded(t *testing.T) {
	m, r, s := testMailbox(10 * naturalBatchEntries)
	for range naturalBatchEntries + 1 {
		p, _ := testProposal(1)
		m.PostUserMessage(p)
	}
	large, _ := testProposal(1)
	large.size = naturalBatchBytes
	m.PostUserMessage(large)
	p, _ := testProposal(1)
	m.PostUserMessage(p)
	s.run()
	require.Equal(t, []string{fmt.Sprintf("proposals:%d", naturalBatchEntries), "proposals:2", "proposals:1"}, r.seen)
}

func TestHeldProposalsDoNotWake(t *testing.T) {
	m, r, s := testMailbox(10)
	m.hold(true)
	p, _ := testProposal(1)
	m.PostUserMessage(p)
	require.Empty(t, s.turns)
	r.receive = func(message any) {
		if message == "persisted" {
			m.hold(false)
		}
	}
	m.PostUserMessage("tick")
	s.run()
	require.Equal(t, []string{"tick"}, r.seen)
	m.PostUserMessage("persisted")
	s.run()
	require.Equal(t, []string{"tick", "persisted", "proposals:1"}, r.seen)
}

func TestSuspendedMailboxHandlesOnlySystemMessages(t *testing.T) {
	m, r, s := testMailbox(10)
	m.PostSystemMessage(&actor.SuspendMailbox{})
	m.PostUserMessage("later")
	m.PostSystemMessage("restart")
	s.run()
	require.Equal(t, []string{"system:restart"}, r.seen)
	m.PostSystemMessage(&actor.ResumeMailbox{})
	s.run()
	require.Equal(t, []string{"system:restart", "later"}, r.seen)
}

func TestMailboxYieldsAfterThroughput(t *testing.T) {
	m, r, s := testMailbox(10)
	s.limit = 1
	for i := range 3 {
		m.PostUserMessage(i)
	}
	require.Equal(t, 3, s.run(), "one turn a message, so that a scheduler sees every boundary")
	require.Equal(t, []string{"0", "1", "2"}, r.seen)
}

func TestPanicEscalatesAndTheMailboxGoesOn(t *testing.T) {
	m, r, s := testMailbox(10)
	boom := errors.New("boom")
	r.receive = func(message any) {
		if message == "bad" {
			panic(boom)
		}
	}
	m.PostUserMessage("bad")
	m.PostUserMessage("good")
	s.run()
	require.Equal(t, []any{boom}, r.failed)
	require.Equal(t, []string{"bad", "good"}, r.seen)
}

func TestGoexitEscalatesAndTheMailboxGoesOn(t *testing.T) {
	m, r := newMailbox(10), &recorder{}
	p := newPool(4)
	t.Cleanup(p.close)
	m.RegisterHandlers(r, p)
	m.Start()
	done := make(chan struct{})
	r.receive = func(message any) {
		if message == "bad" {
			runtime.Goexit() // what t.FailNow does
		}
		close(done)
	}
	m.PostUserMessage("bad")
	m.PostUserMessage("good")
	<-done
	require.Equal(t, []any{errGoexit}, r.failed)
}

func TestWholeMailboxHandsOverEverythingAtOnce(t *testing.T) {
	m, r, s := newWholeMailbox(), &recorder{}, &stepper{limit: throughput}
	m.RegisterHandlers(r, s)
	m.Start()
	m.PostUserMessage(1)
	m.PostUserMessage(2)
	m.PostSystemMessage("started")
	s.run()
	require.Equal(t, []string{"system:started", "all:[1 2]"}, r.seen)
}

func TestClosedMailboxAnswersEveryClient(t *testing.T) {
	m, _, s := testMailbox(10)
	queued, queuedPort := testProposal(1)
	question := &testQuestion{}
	m.PostUserMessage(queued)
	m.PostUserMessage(question)
	m.close(ErrShutdown)
	late, latePort := testProposal(1)
	lateQuestion := &testQuestion{}
	m.PostUserMessage(late)
	m.PostUserMessage(lateQuestion)
	s.run()
	for _, answers := range [][]error{queuedPort.answers, latePort.answers, question.refused, lateQuestion.refused} {
		require.Equal(t, []error{ErrShutdown}, answers)
	}
	require.Zero(t, m.admission.pending())
	require.Zero(t, m.asked.Load())
}

func TestQuestionsAreBounded(t *testing.T) {
	m, _, _ := testMailbox(10)
	for range maxAdmin {
		m.PostUserMessage(&testQuestion{})
	}
	q := &testQuestion{}
	m.PostUserMessage(q)
	require.Equal(t, []error{ErrBusy}, q.refused)
}

func TestLaneGivesBurstMemoryBack(t *testing.T) {
	m, _, s := testMailbox(10)
	for i := range 4 * burstCapacity {
		m.PostUserMessage(i)
	}
	s.run()
	for range 2 {
		m.PostUserMessage("small")
		s.run()
	}
	require.LessOrEqual(t, cap(m.control.in)+cap(m.control.out), burstCapacity+16)
}

// Every proposal is answered or delivered, exactly once, whoever sends and whenever the mailbox closes.
func TestEveryProposalHasOneFate(t *testing.T) {
	m, r := newMailbox(64), &recorder{}
	p := newPool(4)
	t.Cleanup(p.close)
	m.RegisterHandlers(r, p)
	m.Start()
	var delivered, refused atomic.Int64
	drained := make(chan struct{})
	r.receive = func(message any) {
		r.seen = r.seen[:0]
		switch message := message.(type) {
		case *naturalBatch:
			for _, p := range message.proposals {
				delivered.Add(1)
				p.ticket().answer(nil)
			}
			if delivered.Load() > 5000 {
				m.close(ErrShutdown)
			}
		case string:
			m.close(ErrShutdown)
			close(drained)
		}
	}
	var wg sync.WaitGroup
	const senders, each = 8, 4000
	for range senders {
		wg.Go(func() {
			for range each {
				m.PostUserMessage(&proposal{commands: make([][]byte, 1), reply: &countingPort{refused: &refused}})
			}
		})
	}
	wg.Wait()
	m.PostUserMessage("all were sent")
	<-drained
	require.EqualValues(t, senders*each, delivered.Load()+refused.Load())
	require.Zero(t, m.admission.pending())
}

type countingPort struct{ refused *atomic.Int64 }

func (p *countingPort) put(uint64, int, any) {}
func (p *countingPort) finish(_ uint64, err error) {
	if err != nil {
		p.refused.Add(1)
	}
}

// parkedAfter runs n turns side by side and waits until as many goroutines are parked.
func parkedAfter(t *testing.T, p *pool, n, parked int) {
	t.Helper()
	hold := make(chan struct{})
	var wg sync.WaitGroup
	for range n { // none waits for another
		wg.Add(1)
		p.Schedule(func() { wg.Done(); <-hold })
	}
	wg.Wait()
	close(hold)
	require.Eventually(t, func() bool { return countParked(p) == parked }, patience, time.Millisecond)
}

func countParked(p *pool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.parked)
}

func TestPoolReusesParkedGoroutinesAndEndsThem(t *testing.T) {
	p := newPool(5)
	parkedAfter(t, p, 5, 5)
	again := make(chan struct{})
	p.Schedule(func() { again <- struct{}{} })
	require.Equal(t, 4, countParked(p), "a parked one took the turn")
	<-again
	p.close()
	require.Zero(t, countParked(p))
	p.Schedule(func() { again <- struct{}{} }) // a closed pool still runs what it is given
	<-again
}

func TestPoolParksOnlyAFew(t *testing.T) {
	p := newPool(2)
	parkedAfter(t, p, 5, 2) // the others end, which the leak check holds
	p.close()
}
