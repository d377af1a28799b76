package scenario

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

func (s *Script) propose(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	if len(c.words) < 2 {
		return fmt.Errorf("propose what?")
	}
	var commands [][]byte
	for _, word := range c.words[1:] {
		commands = append(commands, []byte(word))
	}
	return s.proposeTo(id, commands...)
}

func (s *Script) proposeBytes(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	size, err := c.number(1, 0)
	if err != nil {
		return err
	}
	s.filler++
	return s.proposeTo(id, bytes.Repeat([]byte{'a' + s.filler%26}, size))
}

func (s *Script) proposeTo(id engine.NodeID, commands ...[]byte) error {
	answer, err := s.cluster.Propose(id, commands...)
	if err == nil && answer == nil {
		s.say("no answer")
	}
	return err
}

// write makes proposals of one command each, without telling more than where they went.
func (s *Script) write(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	count, err := c.number(1, 1)
	if err != nil {
		return err
	}
	before := s.cluster.Status(id).Last
	err = s.silently(func() error {
		for i := range count {
			answer, err := s.cluster.Propose(id, fmt.Appendf(nil, "w%d", int(before.Index)+i+1))
			if _, accepted := answer.(*engine.ProposalAccepted); err == nil && !accepted {
				err = fmt.Errorf("proposal %d: %s", i+1, reply{answer})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		last := s.cluster.Status(id).Last
		first := engine.Position{Term: last.Term, Index: before.Index + 1}
		s.say("%v accepts %d proposals as %s", id, count, rangeText(first, last.Index))
	}
	return err
}

func (s *Script) persist(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	count, err := c.number(1, s.cluster.Writes(id))
	if err == nil {
		s.cluster.Sync(id, count)
		s.cluster.Confirm(id)
	}
	return err
}

// sync is persist without the news for the engine.
func (s *Script) sync(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	count, err := c.number(1, s.cluster.Writes(id))
	if err == nil {
		s.cluster.Sync(id, count)
	}
	return err
}

func (s *Script) apply(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	count, err := c.number(1, s.cluster.Waiting(id))
	if err == nil {
		s.cluster.Apply(id, count)
	}
	return err
}

func (s *Script) crash(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	keep, err := c.option("keep", 0)
	if err != nil {
		return err
	}
	lost := s.cluster.Writes(id) - keep
	if err := s.cluster.Crash(id, keep); err != nil {
		return err
	}
	s.say("%v crashes, %d writes are lost", id, max(lost, 0))
	return nil
}

func (s *Script) restart(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	mark := len(s.lines)
	if err := s.cluster.Restart(id); err != nil {
		return err
	}
	content := s.cluster.node(id).disk.content
	line := fmt.Sprintf("%v restarts: term %d, vote for %v, log ends at %v", id, content.state.Term, content.state.Vote, content.last())
	s.lines = append(s.lines[:mark:mark], append([]string{line}, s.lines[mark:]...)...)
	return nil
}

func (s *Script) wipe(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	if len(c.words) != 2 || (c.words[1] != "founder" && c.words[1] != "joiner") {
		return fmt.Errorf("as founder or as joiner?")
	}
	if err := s.cluster.Wipe(id, c.words[1] == "founder"); err != nil {
		return err
	}
	s.say("%v loses its disk and will come back as a %s, incarnation %x", id, c.words[1], uint64(s.cluster.node(id).peer.Incarnation))
	return nil
}

func (s *Script) lose(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	from, err := c.number(1, 1)
	if err != nil {
		return err
	}
	if err := s.cluster.Lose(id, engine.Index(from)); err != nil {
		return err
	}
	s.say("%v crashes and its disk forgets everything from %d on, synced or not", id, from)
	return nil
}

func (s *Script) status(call) error {
	for _, id := range s.cluster.IDs() {
		if !s.cluster.Running(id) {
			s.say("%v does not run", id)
			continue
		}
		status := s.cluster.Status(id)
		s.say("%s", statusText(status))
		for _, follower := range status.Followers {
			s.say("%s", followerText(follower))
		}
	}
	return nil
}

// log draws what the disk of every node holds, and behind a bar what waits to be written.
func (s *Script) log(call) error {
	for _, n := range s.cluster.nodes {
		logs := []string{logText(n.disk.content.entries)}
		if n.disk.content.snapshot.ID != 0 {
			label, base := n.disk.content.snapshot.Position, n.disk.content.base
			logs[0] = strings.TrimSpace(fmt.Sprintf("(snapshot at %v, log after %v) %s", label, base, logs[0]))
		}
		for _, q := range n.disk.queue {
			if len(q.entries) > 0 {
				logs = append(logs, logText(q.entries))
			}
		}
		s.say("%v  %s", n.peer.ID, strings.Join(logs, " | "))
	}
	return nil
}
