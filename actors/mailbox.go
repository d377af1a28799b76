package actors

import (
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// controlRun is how many messages of control and peers may pass before a client gets its turn.
const controlRun = 64

// Bounds of one natural batch: what the driver takes from the proposal lane in one turn.
const (
	naturalBatchEntries = 1024
	naturalBatchBytes   = 1 << 20
)

// maxAdmin is how many questions (status, metrics) may wait for an answer.
const maxAdmin = 1024

// errGoexit stands for a turn that ended by runtime.Goexit, as t.FailNow does inside an actor.
var errGoexit = errors.New("actors: runtime.Goexit inside an actor")

// mailbox is the mailbox of every actor of a node. Its lanes, first to last:
//
//	system     protoactor's own messages; also while suspended
//	control    ticks and completions; no client traffic
//	peers      what peers caused, a line for each
//	questions  status and metrics, bounded
//	proposals  bounded by the node's admission; handed over as one natural batch
//	reads      bounded by the node's room for them; handed over as one batch
//
// After controlRun messages of control and peers in a row one client turn is due. What is refused is answered at once on the
// sender's goroutine, without waking the actor. The mailbox yields to its dispatcher after Throughput messages.
//
// Children of the driver use the same mailbox with only the first two lanes. Their control lane may be handed
// over as a whole (see batch).
//
// A mailbox is posted to before it is wired: protoactor makes the name known first. Until Start it counts as
// running, so nobody schedules it.
type mailbox struct {
	dispatcher actor.Dispatcher
	invoker    actor.MessageInvoker
	turn       func()
	whole      bool // hand over the control lane as one *batch

	mu        sync.Mutex // guards the in sides and refusal
	system    lane[any]
	control   lane[any]
	peers     peerLanes
	questions lane[question]
	proposals lane[*proposal]
	reads     lane[*read]
	refusal   error // non-nil: proposals and reads are refused with it
	closed    error // non-nil: questions are refused with it as well

	admission admission
	readRoom  readRoom
	asked     atomic.Int64
	busy      atomic.Uint64                  // proposals refused for want of room
	adapt     func(any) any                  // turns messages of users' actors into lane items; nil for children
	panicked  func(reason any, stack []byte) // hears of a panic before its supervisor does; may be nil

	status    atomic.Int32
	suspended atomic.Bool
	held      atomic.Bool // the driver takes no proposals for now

	// The consumer's own: only touched inside a turn.
	sinceClient int
	clientTurn  int // which lane of clients comes first in the next client turn
	natural     naturalBatch
	reading     readBatch
	inHand      any // the message whose turn it is; nil once the driver has booked who it is of
	all         batch
}

var _ actor.Mailbox = (*mailbox)(nil)

const (
	statusIdle    = 0
	statusRunning = 1
)

// batch is everything that was queued in the control lane of an actor that takes it whole.
type batch struct{ messages []any }

// naturalBatch is what the driver takes from the proposal lane in one turn.
type naturalBatch struct {
	proposals []*proposal
	commands  int
}

// question is a client message of the admin lane. It is refused with an error when the lane is full.
type question interface{ refuse(err error) }

func newMailbox(limit int) *mailbox {
	m := &mailbox{admission: admission{limit: limit}}
	m.turn = m.process
	m.status.Store(statusRunning)
	return m
}

// newWholeMailbox returns a mailbox that hands over its control lane as one *batch.
func newWholeMailbox() *mailbox {
	m := newMailbox(0)
	m.whole = true
	return m
}

// RegisterHandlers implements actor.Mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.invoker, m.dispatcher = invoker, dispatcher
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() { m.rest() }

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int {
	return m.control.len() + m.peers.len() + m.questions.len() + m.proposals.len() + m.reads.len()
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.system.push(message)
	m.mu.Unlock()
	m.schedule()
}

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	if m.adapt != nil {
		message = m.adapt(message)
	}
	switch message := message.(type) {
	case nil: // answered already
	case *proposal:
		m.postProposal(message)
	case *read:
		m.postRead(message)
	case question:
		m.postQuestion(message)
	case ofPeer:
		m.mu.Lock()
		m.peers.push(message)
		m.mu.Unlock()
		m.schedule()
	default:
		m.mu.Lock()
		m.control.push(message)
		m.mu.Unlock()
		m.schedule()
	}
}

func (m *mailbox) postProposal(p *proposal) {
	if err := m.admit(p); err != nil {
		p.ticket().answer(err)
		return
	}
	if !m.held.Load() {
		m.schedule()
	}
}

func (m *mailbox) admit(p *proposal) error {
	if !m.admission.possible(p) {
		return ErrTooLarge
	}
	if !m.admission.acquire(p) {
		m.busy.Add(1)
		return ErrBusy
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusal != nil {
		m.admission.release(len(p.commands), p.size)
		return m.refusal
	}
	p.admitted = &m.admission
	m.proposals.push(p)
	return nil
}

func (m *mailbox) postRead(r *read) {
	if err := m.admitRead(r); err != nil {
		r.ticket().fail(err)
		return
	}
	m.schedule()
}

func (m *mailbox) admitRead(r *read) error {
	if !m.readRoom.enter() {
		return ErrBusy
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusal != nil {
		m.readRoom.leave()
		return m.refusal
	}
	r.room = &m.readRoom
	m.reads.push(r)
	return nil
}

func (m *mailbox) postQuestion(q question) {
	if m.asked.Add(1) > maxAdmin {
		m.asked.Add(-1)
		q.refuse(ErrBusy)
		return
	}
	if err := m.ask(q); err != nil {
		m.asked.Add(-1)
		q.refuse(err)
		return
	}
	m.schedule()
}

func (m *mailbox) ask(q question) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed == nil {
		m.questions.push(q)
	}
	return m.closed
}

// refuseWork answers every queued and every later proposal and read with err. It is called by the actor itself,
// inside a turn.
func (m *mailbox) refuseWork(err error) {
	m.mu.Lock()
	m.refusal = err
	m.mu.Unlock()
	for {
		p, ok := m.proposals.pop(&m.mu)
		if !ok {
			break
		}
		p.ticket().answer(err)
	}
	for {
		r, ok := m.reads.pop(&m.mu)
		if !ok {
			return
		}
		r.ticket().fail(err)
	}
}

// close answers every queued and every later client with err. It is called by the actor itself, inside its last
// turn: what protoactor would silently drop must be answered.
func (m *mailbox) close(err error) {
	m.mu.Lock()
	m.closed = err
	m.mu.Unlock()
	m.refuseWork(err)
	for {
		q := m.takeQuestion()
		if q == nil {
			return
		}
		q.refuse(err)
	}
}

// hold says whether the driver takes proposals; those that arrive meanwhile do not wake it. It is called inside
// a turn.
func (m *mailbox) hold(held bool) { m.held.Store(held) }

func (m *mailbox) schedule() {
	if m.status.CompareAndSwap(statusIdle, statusRunning) {
		m.dispatcher.Schedule(m.turn)
	}
}

func (m *mailbox) ready() bool {
	if m.system.len() > 0 {
		return true
	}
	if m.suspended.Load() {
		return false
	}
	return m.control.len() > 0 || m.peers.len() > 0 || m.questions.len() > 0 || m.reads.len() > 0 || (m.proposals.len() > 0 && !m.held.Load())
}

// process is one turn of the actor.
func (m *mailbox) process() {
	defer m.rest() // also after a Goexit: an actor must never stay "running" for ever
	m.deliver(m.dispatcher.Throughput())
}

// rest ends a turn and asks for the next one if there is something to do.
func (m *mailbox) rest() {
	m.status.Store(statusIdle)
	if m.ready() {
		m.schedule()
	}
}

func (m *mailbox) deliver(limit int) {
	var message any
	returned := false
	defer func() {
		if returned {
			return
		}
		reason := recover()
		if reason == nil {
			reason = errGoexit
		}
		if m.panicked != nil {
			m.panicked(reason, debug.Stack())
		}
		m.invoker.EscalateFailure(reason, message)
	}()
	for range limit {
		var system bool
		if message, system = m.next(); message == nil {
			break
		}
		if system {
			m.invokeSystem(message)
			continue
		}
		m.inHand = message
		m.invoker.InvokeUserMessage(message)
		m.inHand = nil // not after a panic
	}
	returned = true
}

func (m *mailbox) invokeSystem(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspended.Store(true)
	case *actor.ResumeMailbox:
		m.suspended.Store(false)
	default:
		m.invoker.InvokeSystemMessage(message)
	}
}

// booked says that whoever sent the message in hand will be answered from the driver's books.
func (m *mailbox) booked() { m.inHand = nil }

// refuseInHand answers the clients whose turn ended with a panic before they were booked. Nothing was done for them.
func (m *mailbox) refuseInHand(err error) {
	switch message := m.inHand.(type) {
	case *naturalBatch:
		for _, p := range message.proposals {
			p.ticket().answer(err)
		}
	case *readBatch:
		for _, r := range message.reads {
			r.ticket().fail(err)
		}
	case question:
		message.refuse(err)
	}
}

// next picks the message whose turn it is; nil when there is none.
func (m *mailbox) next() (message any, system bool) {
	if message, ok := m.system.pop(&m.mu); ok {
		return message, true
	}
	if m.suspended.Load() {
		return nil, false
	}
	if m.whole {
		return m.takeAll(), false
	}
	if m.sinceClient < controlRun {
		if message := m.nextOfNode(); message != nil {
			return message, false
		}
	}
	m.sinceClient = 0
	if client := m.nextClient(); client != nil {
		return client, false
	}
	return m.nextOfNode(), false
}

// nextOfNode returns what keeps the node going: its own completions first, of which there are only so many, and then
// what a peer said.
func (m *mailbox) nextOfNode() any {
	if message, ok := m.control.pop(&m.mu); ok {
		m.sinceClient++
		return message
	}
	if message, ok := m.peers.pop(&m.mu); ok {
		m.sinceClient++
		return message
	}
	return nil
}

// nextClient lets questions, proposals and reads take turns, so that none starves another.
func (m *mailbox) nextClient() any {
	for range clientLanes {
		m.clientTurn = (m.clientTurn + 1) % clientLanes
		switch m.clientTurn {
		case 0:
			if b := m.takeNatural(); b != nil {
				return b
			}
		case 1:
			if q := m.takeQuestion(); q != nil {
				return q
			}
		case 2:
			if b := m.takeReads(); b != nil {
				return b
			}
		}
	}
	return nil
}

const clientLanes = 3

func (m *mailbox) takeQuestion() question {
	q, ok := m.questions.pop(&m.mu)
	if !ok {
		return nil
	}
	m.asked.Add(-1)
	return q
}

// takeAll returns the whole control lane. The batch is valid until the next one.
func (m *mailbox) takeAll() any {
	clear(m.all.messages)
	m.all.messages = m.all.messages[:0]
	for {
		message, ok := m.control.pop(&m.mu)
		if !ok {
			break
		}
		m.all.messages = append(m.all.messages, message)
	}
	if len(m.all.messages) == 0 {
		return nil
	}
	return &m.all
}

// drainControl takes everything that is left in the control lane, and first the message that the actor panicked
// over, if it did. It is called by the actor itself, inside its last turn.
func (m *mailbox) drainControl() []any {
	var rest []any
	if m.inHand != nil {
		rest = append(rest, m.inHand)
		m.inHand = nil
	}
	for {
		message, ok := m.control.pop(&m.mu)
		if !ok {
			return rest
		}
		rest = append(rest, message)
	}
}

// takeNatural returns what is queued in the proposal lane, up to the proposal with which a bound of natural batches
// is reached. The batch is valid until the next one.
func (m *mailbox) takeNatural() *naturalBatch {
	if m.held.Load() {
		return nil
	}
	b := &m.natural
	clear(b.proposals)
	b.proposals, b.commands = b.proposals[:0], 0
	for size := 0; b.commands < naturalBatchEntries && size < naturalBatchBytes; {
		p, ok := m.proposals.pop(&m.mu)
		if !ok {
			break
		}
		b.proposals = append(b.proposals, p)
		b.commands += len(p.commands)
		size += p.size
	}
	if len(b.proposals) == 0 {
		return nil
	}
	return b
}

// takeReads returns everything that is queued in the lane of reads. The batch is valid until the next one.
func (m *mailbox) takeReads() *readBatch {
	b := &m.reading
	clear(b.reads)
	b.reads = b.reads[:0]
	for {
		r, ok := m.reads.pop(&m.mu)
		if !ok {
			break
		}
		b.reads = append(b.reads, r)
	}
	if len(b.reads) == 0 {
		return nil
	}
	return b
}

// lane is a queue of many producers and one consumer: producers append to in, the consumer works off out and
// swaps the two when it is through, so that a lock is taken once for many messages.
type lane[T any] struct {
	in    []T // guarded by the mailbox's lock
	out   []T // the consumer's
	head  int // the consumer's position in out
	count atomic.Int64
}

// burstCapacity is what a lane keeps after a burst, in messages.
const burstCapacity = 4096

func (l *lane[T]) len() int { return int(l.count.Load()) }

// push is called with the lock held.
func (l *lane[T]) push(item T) {
	l.in = append(l.in, item)
	l.count.Add(1)
}

// pop is called by the consumer, without the lock.
func (l *lane[T]) pop(mu *sync.Mutex) (item T, ok bool) {
	if l.count.Load() == 0 {
		return item, false
	}
	if l.head == len(l.out) {
		l.swap(mu)
	}
	var none T
	item, l.out[l.head] = l.out[l.head], none
	l.head++
	l.count.Add(-1)
	return item, true
}

func (l *lane[T]) swap(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	spare := l.out[:0]
	if cap(spare) > burstCapacity && len(l.in) < burstCapacity/4 {
		spare = nil
	}
	l.out, l.in, l.head = l.in, spare, 0
}
