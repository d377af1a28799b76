package scenario

import (
	"fmt"
	"slices"
	"time"

	"github.com/yggr-go/yggr/engine"
)

type command func(*Script, call) error

// commands is the vocabulary; doc.go explains it.
var commands map[string]command

func init() {
	commands = map[string]command{
		"new-cluster":    (*Script).newCluster,
		"join":           (*Script).join,
		"meet":           (*Script).meet,
		"tick":           (*Script).tick,
		"advance":        (*Script).advance,
		"campaign":       (*Script).campaign,
		"elect":          (*Script).elect,
		"propose":        (*Script).propose,
		"propose-bytes":  (*Script).proposeBytes,
		"write":          (*Script).write,
		"read":           (*Script).read,
		"add-voter":      change(engine.ChangeAddVoter),
		"add-learner":    change(engine.ChangeAddLearner),
		"promote":        change(engine.ChangePromote),
		"demote":         change(engine.ChangeDemote),
		"remove":         change(engine.ChangeRemove),
		"update-address": change(engine.ChangeUpdateAddress),
		"transfer":       (*Script).transfer,
		"members":        (*Script).members,
		"deliver":        (*Script).deliver,
		"exchange":       (*Script).exchange,
		"beat":           (*Script).beat,
		"drop":           (*Script).drop,
		"duplicate":      (*Script).duplicate,
		"reorder":        (*Script).reorder,
		"messages":       (*Script).messages,
		"partition":      (*Script).partition,
		"cut":            (*Script).cut,
		"heal":           (*Script).heal,
		"stabilise":      (*Script).stabilise,
		"stall-disk":     onNode(func(s *Script, id engine.NodeID) { s.cluster.StallDisk(id) }),
		"resume-disk":    onNode(func(s *Script, id engine.NodeID) { s.cluster.ResumeDisk(id) }),
		"persist":        (*Script).persist,
		"sync":           (*Script).sync,
		"confirm":        onNode(func(s *Script, id engine.NodeID) { s.cluster.Confirm(id) }),
		"stall-apply":    onNode(func(s *Script, id engine.NodeID) { s.cluster.StallApply(id) }),
		"resume-apply":   onNode(func(s *Script, id engine.NodeID) { s.cluster.ResumeApply(id) }),
		"apply":          (*Script).apply,
		"crash":          (*Script).crash,
		"restart":        (*Script).restart,
		"wipe":           (*Script).wipe,
		"lose":           (*Script).lose,
		"status":         (*Script).status,
		"log":            (*Script).log,
	}
}

// onNode is a command with a node and nothing else.
func onNode(do func(*Script, engine.NodeID)) command {
	return func(s *Script, c call) error {
		id, err := s.node(c, 0)
		if err == nil {
			do(s, id)
		}
		return err
	}
}

func (s *Script) begin(c call) error {
	seed, err := c.option("seed", 1)
	if err != nil {
		return err
	}
	configure, err := configuration(c)
	if err != nil {
		return err
	}
	s.cluster = New(Options{Seed: uint64(seed), Configure: configure, Observer: s.observer(), Tell: s.hear})
	return nil
}

// configuration reads the limits that a scenario sets for all its nodes.
func configuration(c call) (func(*engine.Config), error) {
	preVote := c.options["pre-vote"] != "off"
	fields := map[string]func(*engine.Config) *int{
		"max-append-entries":   func(cfg *engine.Config) *int { return &cfg.MaxAppendEntries },
		"max-append-bytes":     func(cfg *engine.Config) *int { return &cfg.MaxAppendBytes },
		"max-inflight-appends": func(cfg *engine.Config) *int { return &cfg.MaxInflightAppends },
		"max-apply-entries":    func(cfg *engine.Config) *int { return &cfg.MaxApplyEntries },
		"max-unapplied-bytes":  func(cfg *engine.Config) *int { return &cfg.MaxUnappliedBytes },
		"max-command-bytes":    func(cfg *engine.Config) *int { return &cfg.MaxCommandBytes },
		"lease-ticks":          func(cfg *engine.Config) *int { return &cfg.LeaseDurationTicks },
		"hint-entries":         func(cfg *engine.Config) *int { return &cfg.SnapshotHintEntries },
		"hint-bytes":           func(cfg *engine.Config) *int { return &cfg.SnapshotHintBytes },
		"max-log-entries":      func(cfg *engine.Config) *int { return &cfg.MaxLogEntries },
		"trailing-entries":     func(cfg *engine.Config) *int { return &cfg.TrailingLogEntries },
		"trailing-bytes":       func(cfg *engine.Config) *int { return &cfg.TrailingLogBytes },
		"max-pinned-bytes":     func(cfg *engine.Config) *int { return &cfg.MaxPinnedBytes },
	}
	limits := map[string]int{}
	for key := range c.options {
		if key == "seed" || key == "pre-vote" {
			continue
		}
		if fields[key] == nil {
			return nil, fmt.Errorf("unknown option %q", key)
		}
		value, err := c.option(key, 0)
		if err != nil {
			return nil, err
		}
		limits[key] = value
	}
	return func(cfg *engine.Config) {
		cfg.PreVote = preVote
		for key, value := range limits {
			*fields[key](cfg) = value
		}
	}, nil
}

func (s *Script) newCluster(c call) error {
	if err := s.begin(c); err != nil {
		return err
	}
	words, unmet := cutUnmet(c.words)
	ids, err := parseIDs(words)
	if err != nil {
		return err
	}
	if err := s.cluster.Found(ids...); err != nil {
		return err
	}
	if !unmet {
		s.cluster.MeetAll()
	}
	return s.cluster.Err()
}

// cutUnmet takes the last word away if it says that nobody has shaken hands.
func cutUnmet(words []string) ([]string, bool) {
	if n := len(words); n > 0 && words[n-1] == "unmet" {
		return words[:n-1], true
	}
	return words, false
}

func (s *Script) join(c call) error {
	if s.cluster == nil {
		if err := s.begin(c); err != nil {
			return err
		}
	}
	words, unmet := cutUnmet(c.words)
	ids, err := parseIDs(words)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.cluster.Join(id); err != nil {
			return err
		}
	}
	if !unmet {
		s.cluster.MeetAll()
	}
	return s.cluster.Err()
}

func (s *Script) meet(c call) error {
	ids, err := parseIDs(c.words)
	if err != nil {
		return err
	}
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			if err := s.cluster.Meet(a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// tickInterval is the engines' own: the clock and the ticks of a scenario go together unless told otherwise.
const tickInterval = engine.Duration(50 * time.Millisecond)

func (s *Script) tick(c call) error {
	count, err := c.number(1, 1)
	if err != nil {
		return err
	}
	ids := []engine.NodeID{0}
	if len(c.words) > 0 && c.words[0] == "all" {
		ids = slices.DeleteFunc(s.cluster.IDs(), func(id engine.NodeID) bool { return !s.cluster.Running(id) })
	} else if ids[0], err = s.node(c, 0); err != nil {
		return err
	}
	for range count {
		s.cluster.Advance(tickInterval)
		for _, id := range ids {
			if err := s.cluster.Tick(id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Script) advance(c call) error {
	if len(c.words) != 1 {
		return fmt.Errorf("by how much?")
	}
	d, err := time.ParseDuration(c.words[0])
	if err == nil {
		s.cluster.Advance(engine.Duration(d))
	}
	return err
}

// patience is how many ticks a campaign waits for: more than any election timeout.
const patience = 60

func (s *Script) campaign(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	if !s.cluster.Running(id) {
		return fmt.Errorf("%w: %v", ErrNotRunning, id)
	}
	n, mark := s.cluster.node(id), len(s.lines)
	role, campaigns := n.engine.Role(), n.campaigns
	for ticks := 1; ticks <= patience; ticks++ {
		s.cluster.Advance(tickInterval)
		if err := s.cluster.Tick(id); err != nil {
			return err
		}
		if n.campaigns != campaigns || n.engine.Role() != role {
			s.lines = slices.Insert(s.lines, mark, fmt.Sprintf("%v ticks %d times", id, ticks))
			return nil
		}
	}
	s.say("%v ticks %d times and remains a %v", id, patience, role)
	return nil
}

func (s *Script) elect(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	err = s.silently(func() error {
		if err := s.campaign(c); err != nil {
			return err
		}
		return s.stabilise(c)
	})
	if err != nil {
		return err
	}
	status := s.cluster.Status(id)
	if status.Role != engine.Leader {
		return fmt.Errorf("%s", statusText(status))
	}
	s.say("%v leads term %d, its log ends at %v, commit %d", id, status.Term, status.Last, status.Commit)
	return nil
}
