package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSignalsStopANodeAndARestartKeepsTheData(t *testing.T) {
	dir := t.TempDir()
	for i, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt, os.Kill} {
		p := start(t, single(dir)...)
		c := p.leading(t)
		require.Equal(t, int64(i+1), c.must(t, "INCR", "starts"))
		require.Equal(t, "OK", c.must(t, "SET", fmt.Sprint("k", i), "v"))
		code := p.signal(t, sig)
		if sig != os.Kill {
			require.Zero(t, code, p.stderr)
		}
	}
	c := start(t, single(dir)...).leading(t)
	require.Equal(t, []any{"3", "v", "v", "v"}, c.must(t, "MGET", "starts", "k0", "k1", "k2"))
}

func TestAClusterStopsAndComesBack(t *testing.T) {
	cl := startCluster(t)
	require.Equal(t, "OK", cl.leaderClient(t).must(t, "SET", "k", "v"))
	for i := range cl.nodes {
		cl.nodes[i].stop(t)
		cl.nodes[i] = nil
	}
	cl.start(t)
	require.Equal(t, "v", cl.leaderClient(t).must(t, "GET", "k"))
}

// The leader goes away politely while clients write: what it has read it answers, the others elect, and nothing is
// lost.
func TestStoppedLeaderIsReplaced(t *testing.T) {
	cl := startCluster(t)
	l := startLoad(t, cl, 1)
	l.await(t, 100)
	leader, _ := cl.leader(t)
	cl.nodes[leader].stop(t)
	cl.nodes[leader] = nil
	next, _ := cl.leader(t)
	require.NotEqual(t, leader, next)
	l.await(t, 100)
	l.check(t)
}

// When its disk fails, the process ends and says why: a node that cannot store must not pretend.
func TestFailedDiskEndsTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := start(t, single(dir, "--log-level", "off")...)
	c := p.leading(t)
	require.NoError(t, os.RemoveAll(dir)) // the open segment goes on; the next one cannot be made
	value := strings.Repeat("v", maxValueBytes)
	for {
		reply, err := c.do("SET", "k", value)
		if err != nil {
			break
		}
		if reply != "OK" {
			require.Regexp(t, "^(UNKNOWN|TRYAGAIN) ", reply)
		}
	}
	require.Equal(t, exitFailure, p.exitCode(t))
	require.Regexp(t, "^kv: .*persistence.*no such file or directory\n$", p.stderr.String())
}

func TestFollowersSendClientsToTheLeader(t *testing.T) {
	cl := startCluster(t)
	leader, _ := cl.leader(t)
	follower := (leader + 1) % 3
	want := refused("MOVED 12714 " + cl.clientAddr[leader])
	require.Equal(t, want, mustDial(t, cl.clientAddr[follower]).must(t, "SET", "greeting", "hello"))

	path, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Log("redis-cli is not installed; the Go client follows alone")
		require.Equal(t, "OK", mustDial(t, cl.clientAddr[leader]).must(t, "SET", "greeting", "hello"))
		return
	}
	_, port, err := net.SplitHostPort(cl.clientAddr[follower])
	require.NoError(t, err)
	for _, step := range [][2]string{{"SET", "OK\n"}, {"GET", "hello\n"}} {
		args := []string{"-c", "-h", "127.0.0.1", "-p", port, "--raw", step[0], "greeting"}
		if step[0] == "SET" {
			args = append(args, "hello")
		}
		out, err := exec.Command(path, args...).Output()
		require.NoError(t, err)
		require.Equal(t, step[1], string(out))
	}
}

// A joiner waits to be added; it serves its client port meanwhile and answers for itself.
func TestJoinerWaits(t *testing.T) {
	p := start(t, single(t.TempDir(), "--bootstrap", "join")...)
	c := mustDial(t, p.clients)
	require.Equal(t, "PONG", c.must(t, "PING"))
	require.Equal(t, "follower", c.info("raft")["role"])
	require.Equal(t, refused("TRYAGAIN no leader is confirmed"), c.must(t, "GET", "k"))
	p.stop(t)
}
