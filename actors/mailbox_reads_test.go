package actors

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// testReadPort collects the answers of one read; nil is "served".
type testReadPort struct{ answers []error }

func (p *testReadPort) serve(uint64, any)          { p.answers = append(p.answers, nil) }
func (p *testReadPort) fail(_ uint64, cause error) { p.answers = append(p.answers, cause) }

func testRead() (*read, *testReadPort) {
	port := &testReadPort{}
	return &read{port: port}, port
}

func readingMailbox(limit int) (*mailbox, *recorder, *stepper) {
	m, r, s := testMailbox(10)
	m.readRoom.limit = limit
	return m, r, s
}

func TestReadsAreHandedOverTogether(t *testing.T) {
	m, r, s := readingMailbox(10)
	for range 7 {
		read, _ := testRead()
		m.PostUserMessage(read)
	}
	m.PostUserMessage("control")
	require.Equal(t, 1, s.run())
	require.Equal(t, []string{"control", "reads:7"}, r.seen)
}

func TestFullLaneOfReadsAnswersBusyWithoutWaking(t *testing.T) {
	m, _, s := readingMailbox(2)
	first, _ := testRead()
	second, _ := testRead()
	m.PostUserMessage(first)
	m.PostUserMessage(second)
	s.run()
	third, port := testRead()
	m.PostUserMessage(third)
	require.Equal(t, []error{ErrBusy}, port.answers)
	require.Empty(t, s.turns, "the actor is not woken for what is refused")
	first.ticket().serve(nil) // places are held from acceptance to answer
	fourth, port := testRead()
	m.PostUserMessage(fourth)
	require.Empty(t, port.answers)
	require.Len(t, s.turns, 1)
}

func TestClientsTakeTurns(t *testing.T) {
	m, r, s := readingMailbox(100)
	r.receive = func(any) { // someone always asks, someone always proposes and someone always reads
		if len(r.seen) < 9 {
			m.PostUserMessage(&testQuestion{})
			p, _ := testProposal(1)
			m.PostUserMessage(p)
			read, _ := testRead()
			m.PostUserMessage(read)
		}
	}
	m.PostUserMessage("go")
	s.run()
	require.Equal(t, []string{"go", "question", "reads:2", "proposals:3", "question", "reads:3", "proposals:3", "question"}, r.seen[:8])
}

// While the disk is busy proposals are held, and reads are not.
func TestReadsPassHeldProposals(t *testing.T) {
	m, r, s := readingMailbox(10)
	m.hold(true)
	p, _ := testProposal(1)
	read, _ := testRead()
	m.PostUserMessage(p)
	m.PostUserMessage(read)
	s.run()
	require.Equal(t, []string{"reads:1"}, r.seen)
}

// Every read is answered or delivered, exactly once, whoever sends and whenever the mailbox closes.
func TestEveryReadHasOneFate(t *testing.T) {
	m, r := newMailbox(64), &recorder{}
	m.readRoom.limit = 64
	p := newPool(4)
	t.Cleanup(p.close)
	m.RegisterHandlers(r, p)
	m.Start()
	var delivered, refused atomic.Int64
	drained := make(chan struct{})
	r.receive = func(message any) {
		r.seen = r.seen[:0]
		switch message := message.(type) {
		case *readBatch:
			delivered.Add(int64(len(message.reads)))
			newReadOrder(message.reads).serve(nil)
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
				m.PostUserMessage(&read{port: countingReadPort{&refused}})
			}
		})
	}
	wg.Wait()
	m.PostUserMessage("all were sent")
	<-drained
	require.EqualValues(t, senders*each, delivered.Load()+refused.Load())
	require.Zero(t, m.readRoom.pending())
}

type countingReadPort struct{ refused *atomic.Int64 }

func (p countingReadPort) serve(uint64, any)  {}
func (p countingReadPort) fail(uint64, error) { p.refused.Add(1) }
