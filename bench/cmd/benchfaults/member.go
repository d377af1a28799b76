package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"

	"github.com/yggr-go/yggr/bench/process"
)

// member is the node that runs in a process of its own, as its parent sees it. One goroutine uses it.
type member struct {
	task    nodeTask
	stderr  io.Writer
	child   *exec.Cmd
	started time.Time // right before the process was
	stdin   io.WriteCloser
	events  chan event // closed when the process has closed its output
}

// launch starts the process; the first time the node founds its cluster, then it recovers.
func (m *member) launch(ctx context.Context) error {
	child, err := process.Command(ctx, nodeVariable, m.task)
	if err != nil {
		return err
	}
	child.Stderr = m.stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	m.started = time.Now()
	if err := child.Start(); err != nil {
		return err
	}
	m.child, m.stdin, m.events = child, stdin, make(chan event, 16)
	m.task.Recover = true
	go read(stdout, m.events)
	return nil
}

// read passes events on until the process ends. One that nobody takes is lost: what is asked for is waited for.
func read(stdout io.Reader, events chan<- event) {
	defer close(events)
	decoder := json.NewDecoder(stdout)
	for {
		var e event
		if decoder.Decode(&e) != nil {
			return
		}
		select {
		case events <- e:
		default:
		}
	}
}

// errChildEnded: the process of the node has ended by itself.
var errChildEnded = errors.New("the node's process has ended")

// await returns the next event that pleases.
func (m *member) await(ctx context.Context, what string, pleases func(event) bool) (event, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s has not come", what))
	defer cancel()
	for {
		select {
		case e, ok := <-m.events:
			if !ok {
				return event{}, fmt.Errorf("%w before %s", errChildEnded, what)
			}
			if pleases(e) {
				return e, nil
			}
		case <-ctx.Done():
			return event{}, context.Cause(ctx)
		}
	}
}

func (m *member) awaitListening(ctx context.Context) error {
	_, err := m.await(ctx, "the news that the node listens", func(e event) bool { return e.Listening })
	return err
}

// awaitTraffic returns how long after it listened the node had a message of its leader.
func (m *member) awaitTraffic(ctx context.Context) (time.Duration, error) {
	e, err := m.await(ctx, "a message of the leader", func(e event) bool { return e.Traffic > 0 })
	return e.Traffic, err
}

// status asks the node.
func (m *member) status(ctx context.Context) (nodeStatus, error) {
	if _, err := io.WriteString(m.stdin, "status\n"); err != nil {
		return nodeStatus{}, err
	}
	e, err := m.await(ctx, "a status", func(e event) bool { return e.Status != nil })
	if err != nil {
		return nodeStatus{}, err
	}
	return *e.Status, nil
}

// kill ends the process as a crash does (SIGKILL on Unix), and waits until it is gone. One that had ended by itself has
// failed.
func (m *member) kill() error {
	if m.child == nil {
		return nil
	}
	err := m.child.Process.Kill()
	m.drain()
	_ = m.child.Wait() // what it says of one that was killed is no news
	if state := m.child.ProcessState; state.Exited() && runtime.GOOS != "windows" {
		err = errors.Join(err, fmt.Errorf("%w: %v", errChildEnded, state))
	}
	m.child = nil
	return err
}

// stop lets the node stop by itself.
func (m *member) stop() error {
	err := m.stdin.Close()
	m.drain()
	err = errors.Join(err, m.child.Wait())
	m.child = nil
	return err
}

// drain waits for the end of the output.
func (m *member) drain() {
	for range m.events {
		continue
	}
}
