package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/yggr-go/yggr/internal/loopback"
)

// patience bounds a step: nothing is measured by it, and it is reached only by a failure.
const patience = 3 * time.Minute

// scenario is a run.
type scenario struct {
	*cluster
	load   *load
	writes int64 // to be acknowledged between two steps
	out    io.Writer
	begun  time.Time
	killed *node // by killOne, until it is started again
}

// step is one line of the scenario: what is done, and how. It returns what came of it.
type step struct {
	name string
	do   func(ctx context.Context) (string, error)
}

func (s *scenario) steps() []step {
	return []step{
		{"found a cluster of one", s.found},
		{"grow", s.grow(2)},
		{"grow", s.grow(3)},
		{"grow", s.grow(4)},
		{"grow", s.grow(5)},
		{"transfer to a node", s.transfer},
		{"transfer to any", s.transferAny},
		{"kill a follower", s.killOne},
		{"replace another meanwhile", s.replace(6)},
		{"start the killed one", s.startKilled},
		{"demote and promote", s.demoteAndPromote},
		{"move to another port", s.move},
		{"remove one that is down", s.removeKilled},
		{"remove the leader", s.removeLeader},
		{"restart each in turn", s.restartAll},
	}
}

// run takes step after step while clients write, and judges their writes in the end.
func (s *scenario) run(ctx context.Context, clients int) error {
	steps := s.steps()
	if err := s.take(ctx, steps[0]); err != nil {
		return err
	}
	s.load = startLoad(ctx, clients, s.book)
	defer s.load.stop()
	for _, step := range steps[1:] {
		if err := s.take(ctx, step); err != nil {
			return err
		}
	}
	s.load.stop()
	for _, step := range []step{{"judge every write", s.judge}, {"compare the nodes", s.compare}, {"stop them", s.stopAll}} {
		if err := s.take(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// take takes a step, waits until clients get on behind it, and prints its line.
func (s *scenario) take(ctx context.Context, step step) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	result, err := step.do(ctx)
	took := time.Since(begun)
	if err == nil {
		err = s.proceed(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", step.name, err)
	}
	fmt.Fprintf(s.out, "%6.1fs %+6.2fs %7d written   %-26s %s\n",
		time.Since(s.begun).Seconds(), took.Seconds(), s.written(), step.name, result)
	return nil
}

func (s *scenario) written() int64 {
	if s.load == nil {
		return 0
	}
	return s.load.written.Load()
}

// proceed waits for more acknowledged writes, and fails at once when a client has met something that cannot be.
func (s *scenario) proceed(ctx context.Context) error {
	if s.load == nil || s.load.ctx.Err() != nil {
		return nil
	}
	goal := s.written() + s.writes
	err := eventually(ctx, "clients that write", func() bool { return s.load.err() != nil || s.written() >= goal })
	if broken := s.load.err(); broken != nil {
		return broken
	}
	return err
}

func (s *scenario) found(ctx context.Context) (string, error) {
	n, err := s.add(1)
	if err != nil {
		return "", err
	}
	if err := s.start(ctx, n, "new"); err != nil {
		return "", err
	}
	_, m, err := s.leader(ctx)
	return m.String(), err
}

// grow adds a node the documented way: learner, wait, promote.
func (s *scenario) grow(id int) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		n, err := s.add(id)
		if err != nil {
			return "", err
		}
		if err := s.start(ctx, n, "join"); err != nil {
			return "", err
		}
		learner, err := s.order(ctx, "RAFT", "ADD-LEARNER", fmt.Sprint(id), n.peer)
		if err != nil {
			return "", err
		}
		if err := s.closeUp(ctx, id); err != nil {
			return "", err
		}
		voter, err := s.order(ctx, "RAFT", "PROMOTE", fmt.Sprint(id))
		return learner + ", then " + voter, err
	}
}

func (s *scenario) transfer(ctx context.Context) (string, error) {
	followers, err := s.followers(ctx)
	if err != nil {
		return "", err
	}
	target := followers[len(followers)-1]
	return s.order(ctx, "RAFT", "TRANSFER", fmt.Sprint(target.id))
}

func (s *scenario) transferAny(ctx context.Context) (string, error) {
	before, _, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	answer, err := s.order(ctx, "RAFT", "TRANSFER")
	return fmt.Sprintf("n%d hands over: %s", before.id, answer), err
}

// killOne kills the first follower.
func (s *scenario) killOne(ctx context.Context) (string, error) {
	followers, err := s.followers(ctx)
	if err != nil {
		return "", err
	}
	s.killed = followers[0]
	return fmt.Sprintf("n%d is down", s.killed.id), s.kill(s.killed)
}

// replace removes a follower and adds a fresh node under a new id. One node is down meanwhile: it will find another
// membership than the one that it knows.
func (s *scenario) replace(id int) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		followers, err := s.followers(ctx)
		if err != nil {
			return "", err
		}
		old := followers[0]
		removed, err := s.removeRunning(ctx, old)
		if err != nil {
			return "", err
		}
		added, err := s.grow(id)(ctx)
		return removed + ", " + added, err
	}
}

// removeRunning removes a node, waits until it knows, and stops it.
func (s *scenario) removeRunning(ctx context.Context, n *node) (string, error) {
	answer, err := s.order(ctx, "RAFT", "REMOVE", fmt.Sprint(n.id))
	if err != nil {
		return "", err
	}
	if err := s.awaitRemoved(ctx, n); err != nil {
		return "", err
	}
	return answer, s.stop(ctx, n)
}

// awaitRemoved waits until a node has been told that it is no member any more.
func (s *scenario) awaitRemoved(ctx context.Context, n *node) error {
	return eventually(ctx, fmt.Sprintf("n%d hears that it was removed", n.id), func() bool {
		var st status
		return s.ask(n, &st, "RAFT", "STATUS") == nil && st.Removed
	})
}

func (s *scenario) startKilled(ctx context.Context) (string, error) {
	if err := s.start(ctx, s.killed, "recover"); err != nil {
		return "", err
	}
	if err := s.closeUp(ctx, s.killed.id); err != nil {
		return "", err
	}
	var m members
	err := s.ask(s.killed, &m, "RAFT", "MEMBERS")
	return fmt.Sprintf("n%d has caught up and knows %v", s.killed.id, m), err
}

func (s *scenario) demoteAndPromote(ctx context.Context) (string, error) {
	followers, err := s.followers(ctx)
	if err != nil {
		return "", err
	}
	id := fmt.Sprint(followers[0].id)
	learner, err := s.order(ctx, "RAFT", "DEMOTE", id)
	if err != nil {
		return "", err
	}
	voter, err := s.order(ctx, "RAFT", "PROMOTE", id)
	return learner + ", then " + voter, err
}

// move takes a node to another port: stop, tell the others, start.
func (s *scenario) move(ctx context.Context) (string, error) {
	followers, err := s.followers(ctx)
	if err != nil {
		return "", err
	}
	n := followers[len(followers)-1]
	if err := s.stop(ctx, n); err != nil {
		return "", err
	}
	if n.peer, err = loopback.Address(); err != nil {
		return "", err
	}
	if _, err := s.order(ctx, "RAFT", "UPDATE-ADDRESS", fmt.Sprint(n.id), n.peer); err != nil {
		return "", err
	}
	if err := s.start(ctx, n, "recover"); err != nil {
		return "", err
	}
	return fmt.Sprintf("n%d is at %s", n.id, n.peer), s.closeUp(ctx, n.id)
}

// removeKilled removes a node that is down. When it comes back it is told.
func (s *scenario) removeKilled(ctx context.Context) (string, error) {
	followers, err := s.followers(ctx)
	if err != nil {
		return "", err
	}
	n := followers[0]
	if err := s.kill(n); err != nil {
		return "", err
	}
	answer, err := s.order(ctx, "RAFT", "REMOVE", fmt.Sprint(n.id))
	if err != nil {
		return "", err
	}
	if err := s.start(ctx, n, "recover"); err != nil {
		return "", err
	}
	if err := s.awaitRemoved(ctx, n); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; n%d came back and was told", answer, n.id), s.stop(ctx, n)
}

func (s *scenario) removeLeader(ctx context.Context) (string, error) {
	old, _, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	if _, err := s.removeRunning(ctx, old); err != nil {
		return "", err
	}
	leader, m, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("n%d leaves %v, n%d leads", old.id, m, leader.id), nil
}

// restartAll stops one node after the other, and goes on when it is back and has caught up.
func (s *scenario) restartAll(ctx context.Context) (string, error) {
	var names []string
	for _, n := range s.running() {
		if err := s.stop(ctx, n); err != nil {
			return "", err
		}
		if err := s.start(ctx, n, "recover"); err != nil {
			return "", err
		}
		if err := s.closeUp(ctx, n.id); err != nil {
			return "", err
		}
		names = append(names, fmt.Sprint("n", n.id))
	}
	leader, _, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; n%d leads", strings.Join(names, " "), leader.id), nil
}

// judge looks up every key.
func (s *scenario) judge(ctx context.Context) (string, error) {
	if err := s.load.err(); err != nil {
		return "", err
	}
	leader, _, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	conn, err := dial(leader.clients)
	if err != nil {
		return "", err
	}
	defer conn.close()
	var v verdict
	for _, w := range s.load.writers {
		if err := v.judgeAll(conn, &w.book); err != nil {
			return "", err
		}
	}
	size, err := conn.do("DBSIZE")
	if err != nil {
		return "", err
	}
	if size != int64(v.present()) {
		return "", fmt.Errorf("there are %v keys, and clients wrote %d", size, v.present())
	}
	return fmt.Sprintf("%d acknowledged, %d lost; of %d unknown %d done", v.acknowledged, v.lost, v.unknown, v.applied), v.err()
}

// compare waits until all members have applied the same.
func (s *scenario) compare(ctx context.Context) (string, error) {
	leader, m, err := s.leader(ctx)
	if err != nil {
		return "", err
	}
	var reference status
	err = eventually(ctx, "nodes that agree", func() bool {
		if s.ask(leader, &reference, "RAFT", "STATUS") != nil {
			return false
		}
		return !slices.ContainsFunc(s.running(), func(n *node) bool {
			var st status
			return s.ask(n, &st, "RAFT", "STATUS") != nil || st.Applied != reference.Applied || st.Last != reference.Last
		})
	})
	return fmt.Sprintf("%v have applied up to %s", m, reference.Last), err
}

func (s *scenario) stopAll(ctx context.Context) (string, error) {
	for _, n := range s.running() {
		if err := s.stop(ctx, n); err != nil {
			return "", err
		}
	}
	return "cleanly", nil
}
