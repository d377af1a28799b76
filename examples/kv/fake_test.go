package main

import (
	"context"
	"fmt"
	"net"
	"strings"
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
	batches []int    // sizes of the proposals that were applied
	reads   []int    // sizes of the reads that were served
	asked   []string // what the administration was asked for
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

func (f *fakeStore) Status(ctx context.Context) (actors.Status, error) {
	m, err := f.NodeMetrics(ctx)
	return m.Status, err
}

func (f *fakeStore) Admin() administration { return f }

func (f *fakeStore) AddVoter(_ context.Context, id engine.NodeID, address string, options ...actors.ChangeOption) (actors.Receipt, error) {
	return f.change(engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: id, Address: address}, options)
}

func (f *fakeStore) AddLearner(_ context.Context, id engine.NodeID, address string, options ...actors.ChangeOption) (actors.Receipt, error) {
	return f.change(engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: id, Address: address}, options)
}

func (f *fakeStore) Promote(_ context.Context, id engine.NodeID, options ...actors.ChangeOption) (actors.Receipt, error) {
	return f.change(engine.ConfigChange{Kind: engine.ChangePromote, Target: id}, options)
}

func (f *fakeStore) Demote(_ context.Context, id engine.NodeID) (actors.Receipt, error) {
	return f.change(engine.ConfigChange{Kind: engine.ChangeDemote, Target: id}, nil)
}

func (f *fakeStore) Remove(_ context.Context, id engine.NodeID) (actors.Receipt, error) {
	return f.change(engine.ConfigChange{Kind: engine.ChangeRemove, Target: id}, nil)
}

func (f *fakeStore) UpdateAddress(_ context.Context, id engine.NodeID, address string) (actors.Receipt, error) {
	return f.change(engine.ConfigChange{Kind: engine.ChangeUpdateAddress, Target: id, Address: address}, nil)
}

// change notes what it was asked for. Its receipt is always the same.
func (f *fakeStore) change(change engine.ConfigChange, options []actors.ChangeOption) (actors.Receipt, error) {
	for _, option := range options {
		option(&change)
	}
	return actors.Receipt{
		Position: engine.Position{Term: 3, Index: 17},
		Membership: engine.Membership{Members: []engine.Member{
			{ID: 1, Incarnation: 0xa1, Role: engine.Voter, Address: "127.0.0.1:7101"},
			{ID: 4, Role: engine.Learner, Address: "127.0.0.1:7104"},
		}},
	}, f.ask(fmt.Sprintf("%v %v %q incarnation=%x force=%v", change.Kind, change.Target, change.Address, uint64(change.Incarnation), change.Force))
}

func (f *fakeStore) TransferLeadership(_ context.Context, target engine.NodeID) error {
	return f.ask(fmt.Sprintf("transfer to %v", target))
}

func (f *fakeStore) TriggerSnapshot(context.Context) (engine.Index, error) {
	return 17, f.ask("snapshot")
}

func (f *fakeStore) ask(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
	if f.refuse == nil {
		return nil
	}
	return f.refuse(len(f.asked))
}

// lastAsked returns what the administration was asked for since the last call, which was once at most.
func (f *fakeStore) lastAsked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := strings.Join(f.asked, "; ")
	f.asked = nil
	return asked
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
	m.Status.Membership = engine.Membership{Members: []engine.Member{
		{ID: 1, Incarnation: 0xa1, Role: engine.Voter, Address: "127.0.0.1:7101"},
		{ID: 2, Role: engine.Learner, Address: "127.0.0.1:7102"},
	}}
	m.Status.Followers = []engine.FollowerStatus{{ID: 2, IsLearner: true, Match: 7, Next: 8, State: "replicate"}}
	m.Status.Last = engine.Position{Term: 1, Index: 9}
	m.Status.Incarnation, m.Status.Address = 0xa1, "127.0.0.1:7101"
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
