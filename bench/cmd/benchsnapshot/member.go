package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/yggr-go/yggr/bench/process"
	"github.com/yggr-go/yggr/engine"
)

// patience is for whatever a node should do at once.
const patience = 30 * time.Second

// member is a node in a process of its own, as its parent sees it.
type member struct {
	id      engine.NodeID
	command *exec.Cmd
	stdin   io.WriteCloser
	answers *json.Decoder

	anonymous, peak atomic.Int64 // bytes: now, and the most since the last call of idle
}

func launch(ctx context.Context, task nodeTask, stderr io.Writer) (*member, error) {
	command, err := process.Command(ctx, nodeVariable, task)
	if err != nil {
		return nil, err
	}
	command.Stderr = stderr
	m := &member{id: task.ID, command: command}
	if m.stdin, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	m.answers = json.NewDecoder(bufio.NewReader(stdout))
	return m, command.Start()
}

// ask sends a line and returns the report that answers it.
func (m *member) ask(line string) (r nodeReport, err error) {
	if _, err := io.WriteString(m.stdin, line+"\n"); err != nil {
		return r, err
	}
	if err := m.answers.Decode(&r); err != nil {
		return r, fmt.Errorf("%v: %w", m.id, err)
	}
	if r.Err != "" {
		return r, fmt.Errorf("%v: %s: %s", m.id, line, r.Err)
	}
	return r, nil
}

// await asks for reports until one pleases.
func (m *member) await(ctx context.Context, what string, pleases func(nodeReport) bool) (nodeReport, error) {
	for deadline := time.Now().Add(10 * patience); time.Now().Before(deadline) && ctx.Err() == nil; {
		r, err := m.ask("report")
		if err != nil || pleases(r) {
			return r, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nodeReport{}, fmt.Errorf("%v: %s has not come", m.id, what)
}

func (m *member) stop() error {
	return errors.Join(m.stdin.Close(), m.command.Wait())
}

// watchMemory looks at the anonymous memory of the process until the context ends: what is mapped from files is the
// kernel's to take back.
func (m *member) watchMemory(ctx context.Context) {
	for ctx.Err() == nil {
		if now, err := anonymousMemory(m.command.Process.Pid); err == nil {
			m.anonymous.Store(now)
			m.peak.Store(max(m.peak.Load(), now))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// idle returns what the process has now, and begins anew with the peak.
func (m *member) idle() int64 {
	now := m.anonymous.Load()
	m.peak.Store(now)
	return now
}

// anonymousMemory is RssAnon of a process, in bytes. It is Linux's to tell.
func anonymousMemory(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "RssAnon:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no RssAnon")
}
