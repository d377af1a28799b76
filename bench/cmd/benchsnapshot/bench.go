package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/engine"
)

// settle is how long a node is left alone before its memory counts as that of an idle one.
const settle = 3 * time.Second

// founders is how many nodes the cluster begins with. One more joins.
const founders = 3

// bench runs the whole measurement and reports.
func bench(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.dir, "benchsnapshot-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &stage{dir: dir, size: o.megabytes << 20, stderr: stderr}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.found(ctx); err != nil {
		return err
	}
	return s.measure(ctx, stdout)
}

// stage is the nodes and where they are.
type stage struct {
	dir       string
	size      int64
	stderr    io.Writer
	addresses []string
	nodes     []*member
}

func (s *stage) start(ctx context.Context, id engine.NodeID, members []engine.Member) (*member, error) {
	m, err := launch(ctx, nodeTask{
		ID: id, Address: s.addresses[id-1], Members: members, Dir: filepath.Join(s.dir, id.String()), Size: s.size,
	}, s.stderr)
	if err == nil {
		s.nodes = append(s.nodes, m)
		go m.watchMemory(ctx)
	}
	return m, err
}

func (s *stage) found(ctx context.Context) (err error) {
	if s.addresses, err = workload.FreeAddresses(founders + 1); err != nil {
		return err
	}
	var members []engine.Member
	for i := range founders {
		members = append(members, engine.Member{ID: engine.NodeID(i + 1), Role: engine.Voter, Address: s.addresses[i]})
	}
	for _, m := range members {
		if _, err := s.start(ctx, m.ID, members); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) stop() (err error) {
	for _, m := range s.nodes {
		err = errors.Join(err, m.stop())
	}
	return err
}

// measure takes a snapshot, has a learner join, and reports what that cost.
func (s *stage) measure(ctx context.Context, stdout io.Writer) error {
	first, err := s.nodes[0].await(ctx, "a leader", func(r nodeReport) bool { return r.Leader != 0 && r.Commit > 2 })
	if err != nil {
		return err
	}
	leader := s.nodes[first.Leader-1]
	if _, err := leader.ask("load"); err != nil {
		return err
	}
	learner, err := s.start(ctx, founders+1, nil)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	before, err := leader.ask("report")
	if err != nil {
		return err
	}
	leaderIdle, learnerIdle := leader.idle(), learner.idle()
	if err := s.mark(); err != nil {
		return err
	}
	captured, err := leader.ask("snapshot")
	if err != nil {
		return err
	}
	capturePeak := leader.peak.Load()
	began := time.Now()
	if _, err := leader.ask(fmt.Sprintf("add %d %s", learner.id, s.addresses[founders])); err != nil {
		return err
	}
	caught, err := learner.await(ctx, "the snapshot", func(r nodeReport) bool { return r.Installed > 0 && r.Applied > captured.Commit })
	if err != nil {
		return err
	}
	total := time.Since(began)
	after, err := leader.ask("report")
	if err != nil {
		return err
	}
	mbs := func(d time.Duration) float64 { return float64(captured.CaptureSize) / 1e6 / d.Seconds() }
	mib := func(peak, idle int64) float64 { return float64(peak-idle) / (1 << 20) }
	fmt.Fprintf(stdout, "state                    %d MiB, file of %d bytes\n", s.size>>20, captured.CaptureSize)
	fmt.Fprintf(stdout, "capture to durable file  %8.0f MB/s  %v\n", mbs(captured.Capture), captured.Capture.Round(time.Millisecond))
	fmt.Fprintf(stdout, "stream                   %8.0f MB/s  %v\n", mbs(caught.Stream), caught.Stream.Round(time.Millisecond))
	fmt.Fprintf(stdout, "restore                  %8.0f MB/s  %v\n", mbs(caught.Restore), caught.Restore.Round(time.Millisecond))
	fmt.Fprintf(stdout, "added to caught up       %8.0f MB/s  %v\n", mbs(total), total.Round(time.Millisecond))
	fmt.Fprintf(stdout, "anonymous memory above idle, MiB: capturing %.1f, sending %.1f, receiving %.1f (idle: %.1f and %.1f)\n",
		mib(capturePeak, leaderIdle), mib(leader.peak.Load(), leaderIdle), mib(learner.peak.Load(), learnerIdle),
		mib(leaderIdle, 0), mib(learnerIdle, 0))
	fmt.Fprintf(stdout, "elections %d; writes meanwhile %d\n", after.Term-before.Term, after.Written-before.Written)
	return s.reportGaps(stdout)
}

func (s *stage) mark() error {
	for _, m := range s.nodes {
		if _, err := m.ask("mark"); err != nil {
			return err
		}
	}
	return nil
}

// reportGaps tells how long the nodes heard nothing of their leader.
func (s *stage) reportGaps(stdout io.Writer) error {
	for _, m := range s.nodes {
		r, err := m.ask("report")
		if err != nil {
			return err
		}
		if r.Leader != m.id {
			fmt.Fprintf(stdout, "gaps between messages of the leader at %v: p99 %v, longest %v, of %d\n",
				m.id, r.GapP99.Round(100*time.Microsecond), r.GapMax.Round(100*time.Microsecond), r.Gaps)
		}
	}
	return nil
}
