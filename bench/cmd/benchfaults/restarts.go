package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/bench/disk"
	"github.com/yggr-go/yggr/bench/report"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
	"github.com/yggr-go/yggr/engine"
)

// maxVoid is how many restarts may be void, because the leader changed meanwhile, before the program gives up.
const maxVoid = 10

func newRestarts() (*report.Restarts, error) {
	connection, err := connectionTime()
	cfg := actors.DefaultConfig(1)
	return report.NewRestarts(time.Duration(cfg.HeartbeatIntervalTicks)*cfg.TickInterval, connection), err
}

// restartFollower kills and restarts one of three nodes under a light load, verifies all three, and reports.
func restartFollower(ctx context.Context, o options, root string, r *report.Restarts, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp(root, "restarts-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Remove(dir)) }()
	t := &trio{pause: o.pause, report: r, log: stderr}
	defer func() { err = errors.Join(err, t.stop()) }()
	if err := t.start(ctx, dir); err != nil {
		return err
	}
	load, err := t.restartsUnderLoad(ctx, o.restarts)
	r.Writes, r.Unknown, r.Refused = load.latencies, load.unknown, load.refused
	if err != nil {
		return err
	}
	return t.verify(ctx, load)
}

// trio is three nodes: two in this process, one of which leads, and one in a process of its own.
type trio struct {
	nodes  []*yggr.Replica
	member member
	pause  time.Duration
	report *report.Restarts
	log    io.Writer
}

// start founds the cluster with the two, so that one of them leads, before the third comes up.
func (t *trio) start(ctx context.Context, dir string) error {
	addresses, err := workload.FreeAddresses(workload.Replicas)
	if err != nil {
		return err
	}
	members := make([]engine.Member, len(addresses))
	for i, address := range addresses {
		members[i] = engine.Member{ID: engine.NodeID(i + 1), Role: engine.Voter, Address: address}
	}
	own, other := members[:len(members)-1], members[len(members)-1]
	for _, m := range own {
		node, err := yggr.StartReplica(ctx, yggr.ReplicaConfig{ID: m.ID, Members: members, Dir: dir})
		if err != nil {
			return err
		}
		t.nodes = append(t.nodes, node)
	}
	if _, err := t.awaitLeader(ctx); err != nil {
		return err
	}
	t.member = member{task: nodeTask{ID: other.ID, Members: members, Dir: dir}, stderr: t.log}
	_, err = t.bringUp(ctx)
	return err
}

// stop ends whatever runs.
func (t *trio) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := t.member.kill()
	for _, node := range t.nodes {
		err = errors.Join(err, node.Stop(ctx))
	}
	return err
}

// awaitLeader returns the status of that of our nodes that leads.
func (t *trio) awaitLeader(ctx context.Context) (engine.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("no leader"))
	defer cancel()
	for {
		for _, node := range t.nodes {
			status, err := node.Status(ctx)
			if err = errors.Join(err, status.Err); err != nil {
				return engine.Status{}, err
			}
			if status.Role == engine.Leader && status.Applied >= status.Commit {
				return status.Status, nil
			}
		}
		if !wait(ctx, pollInterval) {
			return engine.Status{}, context.Cause(ctx)
		}
	}
}

// restartsUnderLoad returns the writer when it has ended.
func (t *trio) restartsUnderLoad(ctx context.Context, count int) (*writer, error) {
	writing, end := context.WithCancel(ctx)
	load := &writer{nodes: t.nodes}
	load.start(writing)
	err := t.restarts(ctx, count)
	end()
	load.wait()
	return load, err
}

// restarts does what is asked for, and again what was void.
func (t *trio) restarts(ctx context.Context, count int) error {
	for done := 0; done < count; {
		if t.report.Void > maxVoid {
			return fmt.Errorf("%d restarts were void: %w", t.report.Void, errDisturbed)
		}
		restart, err := t.restart(ctx)
		switch {
		case errors.Is(err, errDisturbed):
			t.report.Void++
		case err != nil:
			return fmt.Errorf("restart %d: %w", done+1, err)
		default:
			done++
			t.report.Add(restart)
			fmt.Fprintf(t.log, "restart %-3d down %3d ms  start → listening %v  listening → traffic %v  start → caught up %v\n",
				done, restart.Down.Milliseconds(), restart.Listening, restart.Traffic, restart.CaughtUp)
		}
	}
	return nil
}

// restart kills the follower, lets it stay away for a while and starts it again. Pauses differ, so that the redialling
// of its peers is met in every state.
func (t *trio) restart(ctx context.Context) (report.Restart, error) {
	before, err := t.awaitLeader(ctx)
	if err != nil {
		return report.Restart{}, err
	}
	if err := t.member.kill(); err != nil {
		return report.Restart{}, err
	}
	killed := time.Now()
	if !wait(ctx, rand.N(t.pause+1)) {
		return report.Restart{}, context.Cause(ctx)
	}
	if _, err := t.awaitLeader(ctx); err != nil { // it takes an election if the one that was killed led
		return report.Restart{}, err
	}
	restart, err := t.bringUp(ctx)
	if err != nil {
		return restart, err
	}
	restart.Down = t.member.started.Sub(killed)
	after, err := t.awaitLeader(ctx)
	if err == nil && (after.ID != before.ID || after.Term != before.Term) {
		err = errDisturbed
	}
	return restart, err
}

// bringUp starts the process and waits until the node holds what the leader held when it heard of it.
func (t *trio) bringUp(ctx context.Context) (restart report.Restart, err error) {
	if err := t.member.launch(ctx); err != nil {
		return restart, err
	}
	if err := t.member.awaitListening(ctx); err != nil {
		return restart, err
	}
	restart.Listening = time.Since(t.member.started)
	if restart.Traffic, err = t.member.awaitTraffic(ctx); err != nil {
		return restart, err
	}
	leader, err := t.awaitLeader(ctx)
	if err != nil {
		return restart, err
	}
	err = t.awaitStatus(ctx, func(s nodeStatus) bool { return s.Leader != 0 && s.Applied >= leader.Applied })
	restart.CaughtUp = time.Since(t.member.started)
	return restart, err
}

// awaitStatus asks the killed and restarted node until its answer pleases.
func (t *trio) awaitStatus(ctx context.Context, pleases func(nodeStatus) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, err := t.member.status(ctx)
		if err != nil {
			return err
		}
		if pleases(status) {
			return nil
		}
		if !wait(ctx, pollInterval) {
			return fmt.Errorf("%w: the restarted node does not catch up: it is at %+v", workload.ErrWrong, status)
		}
	}
}

// verify holds, when nobody writes any more, that nothing acknowledged is lost or doubled, and that the three nodes have
// applied the same log to the same state. The restarted one then stops by itself, in order.
func (t *trio) verify(ctx context.Context, load *writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	leader, err := t.awaitLeader(ctx)
	if err != nil {
		return err
	}
	want := t.nodes[leader.ID-1].Counter().State()
	if err := load.check(want); err != nil {
		return err
	}
	for _, node := range t.nodes {
		if err := follow(ctx, node, leader.Applied, want); err != nil {
			return err
		}
	}
	err = t.awaitStatus(ctx, func(s nodeStatus) bool { return s.Applied == leader.Applied && s.State == want })
	return errors.Join(err, t.member.stop())
}

// follow waits until one of our nodes has applied what the leader has, and holds that it came to the same state.
func follow(ctx context.Context, node *yggr.Replica, applied engine.Index, want workload.State) error {
	for {
		status, err := node.Status(ctx)
		if err = errors.Join(err, status.Err); err != nil {
			return err
		}
		if status.Applied == applied && node.Counter().State() == want {
			return nil
		}
		if status.Applied > applied || !wait(ctx, pollInterval) {
			return fmt.Errorf("%w: %v has applied %d with %+v, the leader %d with %+v",
				workload.ErrWrong, status.ID, status.Applied, node.Counter().State(), applied, want)
		}
	}
}

// check compares what a machine holds with what the writer was told. Writes of unknown outcome are in it or are not.
func (w *writer) check(state workload.State) error {
	least, most := w.acknowledged.Commands, w.acknowledged.Commands+w.unknown
	if state.Commands < least || state.Commands > most || state.Value != state.Commands || w.unknown == 0 && state.IDs != w.acknowledged.IDs {
		return fmt.Errorf("%w: %d writes were acknowledged, %d are unknown, and the leader holds %+v",
			workload.ErrWrong, least, w.unknown, state)
	}
	return nil
}
