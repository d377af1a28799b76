package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

func TestCommands(t *testing.T) {
	c := startServer(t).dial(t)
	for _, step := range []struct {
		request string
		want    any
	}{
		{"PING", "PONG"},
		{"ping hello", "hello"},
		{"SET k v", "OK"},
		{"get k", "v"},
		{"GET missing", nil},
		{"SET k w NX", nil},
		{"SET k w xx GET", "v"},
		{"SET new w NX GET", nil},
		{"SET k w NX XX", refused("ERR syntax error")},
		{"SET k w EX 10", refused("ERR syntax error")},
		{"MGET k missing new", []any{"w", nil, "w"}},
		{"EXISTS k k missing", int64(2)},
		{"DBSIZE", int64(2)},
		{"INCR n", int64(1)},
		{"INCR n", int64(2)},
		{"INCR k", refused("ERR value is not an integer or out of range")},
		{"SET n 9223372036854775807", "OK"},
		{"INCR n", refused("ERR increment or decrement would overflow")},
		{"DEL k new missing", int64(2)},
		{"DBSIZE", int64(1)},
		{"SELECT 0", "OK"},
		{"SELECT 1", refused("ERR DB index is out of range")},
		{"SELECT x", refused("ERR value is not an integer or out of range")},
		{"GET", refused("ERR wrong number of arguments for 'get' command")},
		{"SET k", refused("ERR wrong number of arguments for 'set' command")},
		{"DBSIZE x", refused("ERR wrong number of arguments for 'dbsize' command")},
		{"PING a b", refused("ERR wrong number of arguments for 'ping' command")},
		{"FLUSHALL now \x01", refused("ERR unknown command 'FLUSHALL', with args beginning with: 'now' '.'")},
		{"AVERYLONGCOMMANDNAME", refused("ERR unknown command 'AVERYLONGCOMMANDNAME', with args beginning with:")},
		{"CLIENT ID", int64(1)},
		{"CLIENT GETNAME", nil},
		{"CLIENT SETNAME me", "OK"},
		{"CLIENT SETNAME two\nlines", refused("ERR Client names cannot contain spaces, newlines or special characters, or more than 64 characters.")},
		{"CLIENT GETNAME", "me"},
		{"CLIENT SETINFO LIB-NAME test", "OK"},
		{"CLIENT SETINFO LIB-NAME", refused("ERR wrong number of arguments for 'client|setinfo' command")},
		{"CLIENT KILL", refused("ERR unknown subcommand 'KILL' of 'client'")},
		{"CONFIG GET save", []any{"save", ""}},
		{"CONFIG GET append*", []any{"appendfsync", "always", "appendonly", "yes"}},
		{"CONFIG GET nothing", []any{}},
		{"CONFIG SET save 1", refused("ERR unknown subcommand 'SET' of 'config'")},
		{"HELLO 3", refused("NOPROTO unsupported protocol version")},
		{"HELLO 2 SETNAME you", []any{"server", "redis", "version", "7.0.0", "proto", int64(2), "id", int64(1), "mode", "cluster", "role", "master", "modules", []any{}}},
		{"HELLO 2 AUTH me secret", refused("ERR syntax error")},
		{"CLIENT GETNAME", "you"},
		{"COMMAND COUNT", int64(17)},
		{"COMMAND DOCS", []any{}},
		{"COMMAND INFO get nosuch", []any{[]any{"get", int64(2), []any{"readonly"}, int64(1), int64(1), int64(1)}, nil}},
		{"CLUSTER KEYSLOT somekey", int64(11058)},
		{"CLUSTER RESET", refused("ERR unknown subcommand 'RESET' of 'cluster'")},
		{"QUIT", "OK"},
	} {
		require.Equal(t, step.want, c.must(t, strings.Split(step.request, " ")...), step.request)
	}
	_, err := c.receive()
	require.ErrorIs(t, err, io.EOF, "QUIT ends the connection")
}

func TestEveryCommandIsDescribed(t *testing.T) {
	s := startServer(t)
	list, ok := s.dial(t).must(t, "COMMAND").([]any)
	require.True(t, ok)
	require.Len(t, list, len(s.requests))
	for _, r := range s.requests {
		require.NotEqual(t, r.propose == nil, r.answer == nil, "%s is answered in one way", r.name)
	}
}

func TestTooLargeIsRefusedAndTheConnectionGoesOn(t *testing.T) {
	c := startServer(t).dial(t)
	require.Equal(t, refused(errKeyTooLarge), c.must(t, "GET", strings.Repeat("k", maxKeyBytes+1)))
	require.Equal(t, refused(errKeyTooLarge), c.must(t, "SET", strings.Repeat("k", maxKeyBytes+1), "v"))
	require.Equal(t, refused(errKeyTooLarge), c.must(t, "DEL", "k", strings.Repeat("k", maxKeyBytes+1)))
	require.Equal(t, refused(errValueTooLarge), c.must(t, "SET", "k", strings.Repeat("v", maxValueBytes+1)))
	value := strings.Repeat("v", maxValueBytes)
	require.Equal(t, "OK", c.must(t, "SET", "k", value))
	require.Equal(t, []any{value, value, value}, c.must(t, "MGET", "k", "k", "k"))
}

func TestPipelineIsOneProposalAnsweredInOrder(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	require.NoError(t, c.send("SET a 1\r\nINCR a\r\nGET a\r\nGET\r\nINCR a\r\nPING\r\nINCR a\r\n"))
	for _, want := range []any{"OK", int64(2), "2", refused("ERR wrong number of arguments for 'get' command"), int64(3), "PONG", int64(4)} {
		got, err := c.receive()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, []int{2, 1, 1}, s.fake.applied(), "what is answered here waits for what was proposed before")
	require.Equal(t, []int{1}, s.fake.served())
}

// A client sees its own writes, and what it reads together is of one moment.
func TestPipelineReadsItsOwnWrites(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	require.NoError(t, c.send("GET a\r\nSET a 1\r\nINCR b\r\nGET a\r\nMGET a b\r\nDBSIZE\r\nEXISTS a b\r\nDEL a\r\nGET a\r\n"))
	for _, want := range []any{nil, "OK", int64(1), "1", []any{"1", "1"}, int64(2), int64(2), int64(1), nil} {
		got, err := c.receive()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, []int{2, 1}, s.fake.applied(), "reads are not in the log")
	require.Equal(t, []int{1, 4, 1}, s.fake.served())
}

func TestLongPipelinesAreCutIntoBoundedProposals(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	const n = 5000
	require.NoError(t, c.send(strings.Repeat("INCR n\r\n", n)))
	for i := range n {
		got, err := c.receive()
		require.NoError(t, err)
		require.Equal(t, int64(i+1), got)
	}
	total := 0
	for _, size := range s.fake.applied() {
		require.LessOrEqual(t, size, maxBatch)
		total += size
	}
	require.Equal(t, n, total)
}

// Large values fill a proposal before many commands do.
func TestProposalsAreBoundedInBytes(t *testing.T) {
	s := startServer(t)
	c := newConnection(s.server, closedConn(), 0)
	for range 3 {
		require.NoError(t, c.gather(Command{Op: OpSet, Key: "k", Value: strings.Repeat("v", maxBatchBytes*2/3)}))
	}
	require.Equal(t, []int{2}, s.fake.applied())
	require.Len(t, c.batch, 1)
}

func TestRefusals(t *testing.T) {
	unknown := &actors.OutcomeUnknownError{Index: 7, Term: 3, Cause: actors.ErrLostLeadership}
	fatal := &actors.FatalError{Op: "persistence", Err: errors.New("disk gone")}
	for _, step := range []struct {
		name  string
		err   error
		write string // prefix of the reply
		read  string
		ends  bool
	}{
		{"no leader", actors.ErrNoLeader, "TRYAGAIN no leader", "TRYAGAIN no leader", false},
		{"another leader, not confirmed", &actors.NotLeaderError{Leader: 9}, "TRYAGAIN no leader", "TRYAGAIN no leader", false},
		{"unknown", unknown, "UNKNOWN the command may have been applied: ", "TRYAGAIN the read", false},
		{"unknown because busy", &actors.OutcomeUnknownError{Cause: actors.ErrBusy}, "UNKNOWN ", "TRYAGAIN ", false},
		{"unknown because not leader", &actors.OutcomeUnknownError{Cause: actors.ErrNotLeader}, "UNKNOWN ", "TRYAGAIN ", false},
		{"cancelled", context.DeadlineExceeded, "UNKNOWN ", "TRYAGAIN ", false},
		{"too large", actors.ErrTooLarge, "ERR command is too large", "ERR command is too large", false},
		{"shut down", actors.ErrShutdown, "TRYAGAIN this node is shutting down", "TRYAGAIN this node", true},
		{"fatal", fatal, "UNKNOWN ", "TRYAGAIN ", true},
		{"dead", actors.ErrDriverDead, "UNKNOWN ", "TRYAGAIN ", true},
		{"not ready", actors.ErrNotReady, "", "TRYAGAIN the read was not answered: ", false},
		{"stepped down", actors.ErrSteppedDown, "", "TRYAGAIN the read was not answered: ", false},
	} {
		t.Run(step.name, func(t *testing.T) {
			s := startServer(t)
			for request, want := range map[string]string{"INCR": step.write, "GET": step.read} {
				if want == "" {
					continue // not an error of a write
				}
				s.fake.answer(always(step.err))
				c := s.dial(t)
				text, ok := c.must(t, request, "n").(refused)
				require.True(t, ok)
				require.True(t, strings.HasPrefix(string(text), want), "%q", text)
				if step.ends {
					_, err := c.receive()
					require.ErrorIs(t, err, io.EOF)
					continue
				}
				s.fake.answer(nil)
				require.Equal(t, "OK", c.must(t, "SET", "n", "1"), "the connection goes on")
			}
		})
	}
}

// While the node is busy the server neither answers nor reads: the socket is the backpressure.
func TestBusyStopsReading(t *testing.T) {
	s := startServer(t)
	asked := make(chan int, 1000)
	s.fake.answer(func(call int) error {
		if call <= 5 {
			asked <- call
			return actors.ErrBusy
		}
		return nil
	})
	near, far := net.Pipe()
	counted := &countingConn{Conn: far}
	s.admit(counted)
	c := newClient(near)
	defer c.close()
	require.NoError(t, c.send("INCR n\r\n"))
	for range 5 {
		<-asked
		require.Equal(t, [2]int{1, 0}, counted.counts(), "one read, no reply")
	}
	got, err := c.receive()
	require.NoError(t, err)
	require.Equal(t, int64(1), got)
	require.Equal(t, int64(5), s.counters.busy.Load())
}

// countingConn counts the reads that brought something and the writes.
type countingConn struct {
	net.Conn
	mu            sync.Mutex
	reads, writes int
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *countingConn) counts() [2]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return [2]int{c.reads, c.writes}
}

func TestFollowerRedirectsOnAConfirmedHintOnly(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	s.fake.answer(always(&actors.NotLeaderError{Leader: 2}))
	const notConfirmed = refused("TRYAGAIN no leader is confirmed")

	s.fake.follow(actors.Leader{ID: 2, Term: 5})
	require.Equal(t, notConfirmed, c.must(t, "GET", "somekey"), "the leader has not announced itself")
	s.directory.record(2, announcement{Term: 4, Address: "127.0.0.1:9"})
	require.Equal(t, notConfirmed, c.must(t, "GET", "somekey"), "only in an earlier term")
	require.Equal(t, []any{}, c.must(t, "CLUSTER", "SLOTS"))

	s.directory.record(2, announcement{Term: 5, Address: "127.0.0.1:9"})
	for request, want := range map[string]string{
		"GET somekey":        "MOVED 11058 127.0.0.1:9",
		"INCR foo{hash_tag}": fmt.Sprintf("MOVED %d 127.0.0.1:9", keySlot("hash_tag")),
		"MGET somekey b":     "MOVED 11058 127.0.0.1:9",
		"DBSIZE":             "MOVED 0 127.0.0.1:9",
	} {
		require.Equal(t, refused(want), c.must(t, strings.Fields(request)...))
	}
	require.Equal(t, "PONG", c.must(t, "PING"))
	require.Equal(t, []any{[]any{int64(0), int64(16383), []any{"127.0.0.1", int64(9), clusterID(2)}}}, c.must(t, "CLUSTER", "SLOTS"))

	s.directory.record(1, announcement{Term: 6, Address: s.address})
	s.fake.follow(actors.Leader{ID: 1, Term: 6})
	require.Equal(t, notConfirmed, c.must(t, "GET", "somekey"), "never to itself")
	s.fake.follow(actors.Leader{})
	require.Equal(t, notConfirmed, c.must(t, "GET", "somekey"), "no leader")
}

func TestClusterDescription(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	s.directory.record(1, announcement{Term: 1, Address: s.address})
	s.directory.record(3, announcement{Term: 0, Address: "127.0.0.1:3"})
	want := fmt.Sprintf("%040x %s@0 myself,master - 0 0 1 connected 0-16383\n%040x 127.0.0.1:3@0 slave %040x 0 0 0 connected\n",
		1, s.address, 3, 1)
	require.Equal(t, want, c.must(t, "CLUSTER", "NODES"))
	require.Equal(t, clusterID(1), c.must(t, "CLUSTER", "MYID"))
	require.Contains(t, c.must(t, "CLUSTER", "INFO"), "cluster_state:ok\r\ncluster_slots_assigned:16384\r\n")
	s.fake.follow(actors.Leader{})
	require.Contains(t, c.must(t, "CLUSTER", "INFO"), "cluster_state:fail\r\n")
}

func TestInfo(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	c.must(t, "SET", "k", "v")
	all := c.info()
	for name, want := range map[string]string{
		"role": "leader", "term": "1", "leader": "1", "commit": "1", "id": "1", "log_syncs": "42", "connected_clients": "1",
		"cluster_name": "test", "member0": "id=1,role=voter,address=127.0.0.1:7101,incarnation=00000000000000a1",
		"follower0": "id=2,match=7,next=8,state=replicate", "total_commands_processed": "2",
	} {
		require.Equal(t, want, all[name], name)
	}
	one := c.info("RAFT")
	require.Equal(t, "leader", one["role"])
	require.NotContains(t, one, "log_syncs")
	require.Equal(t, "", c.must(t, "INFO", "nothing"))
}

func TestProtocolErrorIsToldAndEndsTheConnection(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	require.NoError(t, c.send("SET k v\r\n*1\r\n$9223372036854775807\r\n"+strings.Repeat("garbage", 1000)))
	for _, want := range []any{"OK", refused("ERR Protocol error: invalid bulk length")} {
		got, err := c.receive()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := c.receive()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, "v", s.dial(t).must(t, "GET", "k"), "others are served")
}

// A web page can make a browser post to a port on the loopback interface; what stands in the body must not be taken
// for commands.
func TestHTTPIsNotTakenForCommands(t *testing.T) {
	s := startServer(t)
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\nSET fromweb owned\r\n",
		"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nSET fromweb owned\r\n",
	} {
		c := s.dial(t)
		require.NoError(t, c.send(request))
		var err error
		for err == nil {
			_, err = c.receive()
		}
		require.ErrorIs(t, err, io.EOF)
	}
	require.Nil(t, s.dial(t).must(t, "GET", "fromweb"))
}

func TestTooManyConnections(t *testing.T) {
	s := startServer(t)
	s.mu.Lock()
	for range maxConnections {
		s.connections[newConnection(s.server, closedConn(), 0)] = struct{}{}
	}
	s.mu.Unlock()
	c := s.dial(t)
	got, err := c.receive()
	require.NoError(t, err)
	require.Equal(t, refused("ERR max number of clients reached"), got)
	_, err = c.receive()
	require.ErrorIs(t, err, io.EOF)
}

func closedConn() net.Conn {
	conn, _ := net.Pipe()
	_ = conn.Close()
	return conn
}

// What was read before the shutdown is answered; then the connection ends, idle ones at once.
func TestShutdownAnswersWhatWasRead(t *testing.T) {
	s := startServer(t)
	idle, busy := s.dial(t), s.dial(t)
	require.Equal(t, "PONG", idle.must(t, "PING"))
	proposed, release := make(chan struct{}), make(chan struct{})
	s.fake.answer(func(int) error {
		close(proposed)
		<-release
		return nil
	})
	require.NoError(t, busy.send("INCR n\r\n"))
	<-proposed
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.shutdown(context.Background())
	}()
	_, err := idle.receive()
	require.ErrorIs(t, err, io.EOF)
	close(release)
	got, err := busy.receive()
	require.NoError(t, err)
	require.Equal(t, int64(1), got)
	_, err = busy.receive()
	require.ErrorIs(t, err, io.EOF)
	<-ended
	_, err = net.Dial("tcp", s.address)
	require.Error(t, err)
}

// A shutdown that may not wait cuts off who is waiting for a busy node.
func TestShutdownCutsOff(t *testing.T) {
	s := startServer(t)
	asked := make(chan struct{}, 1)
	s.fake.answer(func(int) error {
		select {
		case asked <- struct{}{}:
		default:
		}
		return actors.ErrBusy
	})
	require.NoError(t, s.dial(t).send("INCR n\r\n"))
	<-asked
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.shutdown(ended)
	require.Zero(t, s.connected())
}

func TestAnnouncerWritesOncePerTerm(t *testing.T) {
	s := startServer(t)
	a := &announcer{store: s.fake, id: 1, address: "here:1", logger: s.logger}
	s.fake.follow(actors.Leader{ID: 2, Term: 3})
	a.announce(t.Context())
	require.Empty(t, s.fake.applied(), "a follower says nothing")

	s.fake.follow(actors.Leader{ID: 1, Term: 4})
	s.fake.answer(func(call int) error {
		if call == 1 {
			return actors.ErrBusy
		}
		return nil
	})
	a.announce(t.Context())
	require.Empty(t, s.directory.all())
	for range 3 {
		a.announce(t.Context())
	}
	require.Equal(t, []int{1}, s.fake.applied(), "once written, it is not repeated")
	address, ok := s.directory.confirmed(actors.Leader{ID: 1, Term: 4})
	require.True(t, ok)
	require.Equal(t, "here:1", address)

	s.fake.follow(actors.Leader{ID: 1, Term: 6})
	a.announce(t.Context())
	require.Equal(t, map[engine.NodeID]announcement{1: {Term: 6, Address: "here:1"}}, s.directory.all())
}

// Reference values of Redis Cluster: the check value of CRC-16/XMODEM, and keys with and without a hash tag.
func TestKeySlots(t *testing.T) {
	require.Equal(t, uint16(0x31c3), crc16("123456789"))
	require.Equal(t, keySlot("user1000"), keySlot("{user1000}.following"))
	require.Equal(t, keySlot("{user1000}.following"), keySlot("a{user1000}b{c}"))
	require.Equal(t, crc16("{}x")%slots, keySlot("{}x"), "an empty tag is none")
	require.Equal(t, crc16("{x")%slots, keySlot("{x"))
}
