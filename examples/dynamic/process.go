package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// build makes the binary of kv in dir.
func build(ctx context.Context, dir string, flags []string) (string, error) {
	path := filepath.Join(dir, "kv")
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/yggr-go/yggr/examples/kv")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building kv: %w\n%s", err, out)
	}
	return path, nil
}

// process is a running kv.
type process struct {
	cmd    *exec.Cmd
	stderr *tail
	ready  chan struct{} // closed when it has said that it serves
	ended  chan struct{} // closed when it has ended
}

// launch starts kv. Whoever launches it stops or kills it.
func launch(binary string, args []string) (*process, error) {
	p := &process{
		cmd:    exec.Command(binary, args...),
		stderr: &tail{},
		ready:  make(chan struct{}),
		ended:  make(chan struct{}),
	}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.watch(stdout)
	return p, nil
}

func (p *process) watch(stdout io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "ready ") {
			close(p.ready)
		}
	}
	_ = p.cmd.Wait() // the state says how it ended
}

// awaitReady returns when the node serves.
func (p *process) awaitReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return fmt.Errorf("kv ended with %v: %s", p.cmd.ProcessState, p.stderr)
	case <-ctx.Done():
		return fmt.Errorf("kv does not get ready: %w", context.Cause(ctx))
	}
}

// stop asks the process to end, and demands that it does so cleanly.
func (p *process) stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("kv ended before it was told to: %w: %s", err, p.stderr)
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		return fmt.Errorf("kv does not end: %w", context.Cause(ctx))
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("kv ended with %v: %s", p.cmd.ProcessState, p.stderr)
	}
	return p.check()
}

// kill ends the process as a power cut would. Killing a dead one does nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.ended
}

// check looks for what no process may ever say.
func (p *process) check() error {
	for _, word := range []string{"panic:", "fatal error:", "DATA RACE"} {
		if strings.Contains(p.stderr.String(), word) {
			return errors.New(p.stderr.String())
		}
	}
	return nil
}

// tail keeps the last words of a process.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailBytes is how much of it is kept.
const tailBytes = 32 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > 2*tailBytes {
		t.text = bytes.Clone(t.text[len(t.text)-tailBytes:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
