package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/internal/loopback"
)

// patience bounds how long a test waits for something that should happen soon. It is only reached by a failure.
const patience = time.Minute

var binaryDir string

// buildBinary builds the program once for all tests that start it.
var buildBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kv-test-")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	args := []string{"build", "-o", filepath.Join(dir, "kv")}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Join(dir, "kv"), nil
})

func removeBinary() {
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir) // in the system's temporary directory
	}
}

// process is a running kv.
type process struct {
	cmd     *exec.Cmd
	stderr  *outputBuffer
	ready   chan struct{} // closed when it has said that it is ready
	ended   chan struct{} // closed when it has ended
	clients string        // where it listens; valid after ready
	peers   string
}

// outputBuffer collects what a process writes while others look at it.
type outputBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *outputBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *outputBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// launch starts kv without waiting for anything. When the test ends it is killed, and must not have panicked.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	binary, err := buildBinary()
	require.NoError(t, err)
	p := &process{
		cmd:    exec.Command(binary, args...),
		stderr: &outputBuffer{},
		ready:  make(chan struct{}),
		ended:  make(chan struct{}),
	}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "ready node=%d clients=%s peers=%s", new(int), &p.clients, &p.peers); err == nil {
				close(p.ready)
			}
		}
		_ = p.cmd.Wait() // the state says how it ended
	}()
	t.Cleanup(func() {
		p.kill()
		stderr := p.stderr.String()
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(args, " "), stderr)
		}
		require.NotRegexp(t, crashed, stderr)
	})
	return p
}

// crashed is what no process may ever say.
var crashed = regexp.MustCompile(`panic:|fatal error:|goroutine \d+ \[|DATA RACE`)

// start is launch for a process that must come up.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	p.awaitReady(t)
	return p
}

func (p *process) awaitReady(t *testing.T) {
	t.Helper()
	select {
	case <-p.ready:
	case <-p.ended:
		t.Fatalf("kv ended with %v: %s", p.cmd.ProcessState, p.stderr)
	case <-time.After(patience):
		t.Fatal("kv does not get ready")
	}
}

// kill sends SIGKILL and waits for the end. Killing a dead process does nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.ended
}

// signal sends a signal and returns the exit code.
func (p *process) signal(t *testing.T, sig os.Signal) int {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
	return p.exitCode(t)
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	require.Zero(t, p.signal(t, syscall.SIGTERM), "a clean stop: %s", p.stderr)
}

// exitCode waits for the end.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("kv does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// requireRefusal starts kv, which must end with the given exit code and say why in its last line, and only there.
func requireRefusal(t *testing.T, code int, reason string, args ...string) {
	t.Helper()
	p := launch(t, append(args, "--log-level", "off")...)
	require.Equal(t, code, p.exitCode(t), p.stderr)
	stderr := p.stderr.String()
	require.Regexp(t, "^kv: .*"+reason, stderr)
	require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
	select {
	case <-p.ready:
		t.Fatal("it said that it was ready")
	default:
	}
}

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-poll.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// freePort returns an address for a node, which keeps it while it is down.
func freePort(t *testing.T) string {
	t.Helper()
	address, err := loopback.Address()
	require.NoError(t, err)
	return address
}

// single returns the arguments of a cluster of one node.
func single(dir string, more ...string) []string {
	return append([]string{
		"--node-id", "1", "--data-dir", dir, "--peer-addr", "127.0.0.1:0", "--client-addr", "127.0.0.1:0",
	}, more...)
}

// leading waits until the process leads and its clients may write.
func (p *process) leading(t *testing.T) *client {
	t.Helper()
	c := mustDial(t, p.clients)
	eventually(t, "the node leads", func() bool { return c.info("raft")["leader_client_address"] == p.clients })
	return c
}

// cluster is three processes and their directories.
type cluster struct {
	peerAddr, clientAddr [3]string
	dir                  string
	nodes                [3]*process // nil: down
	more                 []string    // arguments of every node
}

// startCluster starts three nodes and returns when one of them leads.
func startCluster(t *testing.T, more ...string) *cluster {
	t.Helper()
	cl := &cluster{dir: t.TempDir(), more: more}
	for i := range cl.nodes {
		cl.peerAddr[i], cl.clientAddr[i] = freePort(t), freePort(t)
	}
	cl.start(t)
	return cl
}

// start starts all nodes, which are down, and returns when one of them leads.
func (cl *cluster) start(t *testing.T) {
	t.Helper()
	for i := range cl.nodes {
		cl.nodes[i] = launch(t, cl.args(i)...)
	}
	for _, n := range cl.nodes {
		n.awaitReady(t)
	}
	cl.leader(t)
}

func (cl *cluster) args(i int) []string {
	args := []string{
		"--node-id", fmt.Sprint(i + 1), "--data-dir", filepath.Join(cl.dir, fmt.Sprint(i+1)),
		"--peer-addr", cl.peerAddr[i], "--client-addr", cl.clientAddr[i],
	}
	args = append(args, cl.more...)
	for j, address := range cl.peerAddr {
		args = append(args, "--peer", fmt.Sprintf("%d=%s", j+1, address))
	}
	return args
}

func (cl *cluster) restart(t *testing.T, i int) {
	t.Helper()
	cl.nodes[i] = start(t, cl.args(i)...)
}

func (cl *cluster) kill(i int) {
	cl.nodes[i].kill()
	cl.nodes[i] = nil
}

// info asks one node; nil if it does not answer.
func (cl *cluster) info(i int) map[string]string {
	if cl.nodes[i] == nil {
		return nil
	}
	c, err := dial(cl.clientAddr[i])
	if err != nil {
		return nil
	}
	defer c.close()
	return c.info("raft")
}

// leader waits until one node leads and every running node knows where its clients connect. It returns its number,
// from 0, and its term.
func (cl *cluster) leader(t *testing.T) (leader int, term string) {
	t.Helper()
	eventually(t, "a leader that all know", func() bool {
		leader = -1
		var first map[string]string
		for i, n := range cl.nodes {
			if n == nil {
				continue
			}
			info := cl.info(i)
			if first == nil {
				first = info
			}
			if info == nil || info["leader_client_address"] == "" || info["term"] != first["term"] {
				return false
			}
			if info["role"] == "leader" {
				leader = i
			}
		}
		term = first["term"]
		return leader >= 0
	})
	return leader, term
}

// leaderClient returns a client of the leader.
func (cl *cluster) leaderClient(t *testing.T) *client {
	t.Helper()
	leader, _ := cl.leader(t)
	return mustDial(t, cl.clientAddr[leader])
}
