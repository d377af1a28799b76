package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yggr-go/yggr/bench/links"
	"github.com/yggr-go/yggr/bench/process"
	"github.com/yggr-go/yggr/bench/report"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
	"github.com/yggr-go/yggr/engine"
)

// pointVariable is set in the environment of a child process that performs a pointTask.
const pointVariable = "BENCHFAULTS_POINT"

// pollInterval is between two looks at what nothing tells of.
const pollInterval = time.Millisecond

// pointTask is one run of a pair.
type pointTask struct {
	Clients int
	Silent  bool // a follower is black-holed while measuring
	WarmUp  time.Duration
	Measure time.Duration
	Dir     string // existing and empty
}

func (t pointTask) name() string {
	if t.Silent {
		return report.BlackHoled
	}
	return report.Healthy
}

// runPoint is the child process.
func runPoint(ctx context.Context, encoded string, stdin io.Reader, stdout io.Writer) error {
	var t pointTask
	if err := json.Unmarshal([]byte(encoded), &t); err != nil {
		return err
	}
	return process.Serve(ctx, stdin, stdout, t.perform)
}

func (t pointTask) perform(ctx context.Context) (result report.BlackHole, err error) {
	p := point{task: t, mesh: links.NewMesh()}
	defer p.mesh.Close()
	result.Result, err = workload.Run(ctx, workload.System{Name: t.name(), Start: p.start}, t.Dir,
		workload.Point{Clients: t.Clients, Size: commandSize},
		workload.Options{WarmUp: t.WarmUp, Measure: t.Measure, Around: p.around, Verified: p.verify})
	result.Missed, result.CaughtUp = p.missed, p.caughtUp
	return result, err
}

// point is a run under way. Every link between the nodes leads through the mesh, in a healthy run too.
type point struct {
	task     pointTask
	mesh     *links.Mesh
	cluster  *yggr.Cluster
	before   [workload.Replicas]engine.Status // when measuring began
	commands uint64                           // that the leader had applied right after the silence began
	missed   uint64                           // commands that the silent follower was behind when it ended
	healed   time.Time
	caughtUp time.Duration
}

func (p *point) start(ctx context.Context, dir string) (workload.Cluster, error) {
	var err error
	if p.cluster, err = yggr.StartWrapped(ctx, dir, yggr.Wrap{Network: p.mesh.Network}); err != nil {
		return nil, err
	}
	return p.cluster, nil
}

// around silences a follower for as long as is measured.
func (p *point) around() (finish func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if p.before, err = p.cluster.Statuses(ctx); err != nil || !p.task.Silent {
		return p.heal, err
	}
	err = p.mesh.Silence(p.cluster.Follower())
	p.commands = p.leader().State().Commands
	return p.heal, err
}

func (p *point) leader() *workload.Counter { return p.cluster.Counters()[0] }

// heal ends the silence, and holds that it was one: the follower has nothing that was written after it began.
func (p *point) heal() error {
	if !p.task.Silent {
		return nil
	}
	follower, leader := p.cluster.Counters()[1].State().Commands, p.leader().State().Commands
	if most := p.commands + uint64(p.task.Clients); follower > most {
		return fmt.Errorf("the silent follower has %d commands, and only %d were on their way to it", follower, most)
	}
	p.missed, p.healed = leader-follower, time.Now()
	return p.mesh.Heal()
}

// errDisturbed makes a run void: whatever was measured, a change of leader was in it.
var errDisturbed = errors.New("the leader has changed")

// verify is called when the three machines hold the same. The three nodes have then applied the same log as well, and
// the follower that has come back has disturbed nobody.
func (p *point) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the nodes have not applied the same log"))
	defer cancel()
	for {
		now, err := p.cluster.Statuses(ctx)
		if err != nil {
			return err
		}
		if err := p.sameLeader(now); err != nil {
			return err
		}
		if now[0].Applied == now[1].Applied && now[0].Applied == now[2].Applied {
			p.noteCaughtUp()
			return nil
		}
		if !wait(ctx, pollInterval) {
			return context.Cause(ctx)
		}
	}
}

func (p *point) noteCaughtUp() {
	if p.task.Silent {
		p.caughtUp = time.Since(p.healed)
	}
}

func (p *point) sameLeader(now [workload.Replicas]engine.Status) error {
	at := p.cluster.Leader() - 1
	if was, is := p.before[at], now[at]; is.Role != engine.Leader || is.Term != was.Term {
		return fmt.Errorf("%w: %v was %v of term %d and is %v of term %d", errDisturbed, is.ID, was.Role, was.Term, is.Role, is.Term)
	}
	return nil
}

// wait lets time pass; false when the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
