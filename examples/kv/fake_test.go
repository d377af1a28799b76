package main

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/statemachine"
)

// fakeStore is a cluster of one node without a log: commands are applied as they come, unless refuse has an
// error for them.
type fakeStore struct {
	mu      sync.Mutex
	machine *machine
	index   uint64
	leader  actors.Leader
	refuse  func(call int) error // nil: every call succeeds
	calls   int
	batches []int // sizes of the proposals that were applied
	reads   []int // sizes of the reads that were served
}

func (f *fakeStore) Write(ctx context.Context, command Command) (Result, error) {
	results, err := f.WriteBatch(ctx, []Command{command})
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// WriteBatch sends every command through the codec, as a log would.
func (f *fakeStore) WriteBatch(_ context.Context, commands []Command) ([]Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.refuse != nil {
		if err := f.refuse(f.calls); err != nil {
			return nil, err
		}
	}
	f.batches = append(f.batches, len(commands))
	results := make([]Result, 0, len(commands))
	for _, command := range commands {
		data, err := codec{}.Encode(nil, command)
		if err != nil {
			return nil, err
		}
		if command, err = (codec{}).Decode(data); err != nil {
			return nil, err
		}
		f.index++
		results = append(results, f.machine.Apply(statemachine.ApplyContext{Index: f.index, Term: uint64(f.leader.Term)}, command))
	}
	return results, nil
}

func (f *fakeStore) ReadBatch(_ context.Context, commands []Command) ([]Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.refuse != nil {
		if err := f.refuse(f.calls); err != nil {
			return nil, err
		}
	}
	f.reads = append(f.reads, len(commands))
	return f.machine.lookAll(commands), nil
}

func (f *fakeStore) CurrentLeader() (actors.Leader, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leader, f.leader.ID != 0
}

func (f *fakeStore) NodeMetrics(context.Context) (actors.NodeMetrics, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := actors.NodeMetrics{}
	m.Status.ID = 1
	m.Status.Role = engine.Leader
	m.Status.Term = f.leader.Term
	m.Status.Leader = f.leader.ID
	m.Status.Commit = engine.Index(f.index)
	m.Status.Membership = engine.Membership{Members: []engine.Member{{ID: 1, Role: engine.Voter, Address: "127.0.0.1:7001"}}}
	m.Status.Followers = []engine.FollowerStatus{{ID: 2, Match: 7, Next: 8, State: "replicating"}}
	m.Persistence.Syncs = 42
	return m, nil
}

func (f *fakeStore) follow(leader actors.Leader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = leader
}

func (f *fakeStore) answer(refuse func(call int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse, f.calls = refuse, 0
}

func (f *fakeStore) applied() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.batches...)
}

func (f *fakeStore) served() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.reads...)
}

// always refuses every call with err.
func always(err error) func(int) error { return func(int) error { return err } }

// testServer is a server on a fake store that leads in term 1.
type testServer struct {
	*server
	fake *fakeStore
}

func startServer(t *testing.T) testServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dir := &directory{}
	fake := &fakeStore{machine: newMachine(dir), leader: actors.Leader{ID: 1, Term: 1}}
	s := newServer(fake, dir, 1, "test", listener.Addr().String(), hclog.NewNullLogger())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.serve(listener)
	}()
	t.Cleanup(func() {
		s.shutdown(t.Context()) // a finished test's context has ended: nothing is waited for
		<-ended
	})
	return testServer{server: s, fake: fake}
}

// connect returns a client of the server that is served on one end of a pipe or socket made by the test.
func (s testServer) dial(t *testing.T) *client {
	t.Helper()
	return mustDial(t, s.address)
}
