package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// change is a command with the node that is asked, the target of the change and perhaps "force".
func change(kind engine.ChangeKind) command {
	return func(s *Script, c call) error {
		id, err := s.node(c, 0)
		if err != nil {
			return err
		}
		asked, err := configChange(kind, c)
		if err != nil {
			return err
		}
		_, err = s.cluster.Change(id, asked)
		return err
	}
}

func configChange(kind engine.ChangeKind, c call) (engine.ConfigChange, error) {
	if len(c.words) < 2 {
		return engine.ConfigChange{}, errors.New("whom?")
	}
	target, err := parseID(c.words[1])
	if err != nil {
		return engine.ConfigChange{}, err
	}
	asked := engine.ConfigChange{Kind: kind, Target: target, Force: slices.Contains(c.words[2:], "force"), Address: Address(target)}
	if address, given := c.options["address"]; given {
		asked.Address = address
	}
	if life, given := c.options["incarnation"]; given {
		incarnation, err := strconv.ParseUint(life, 16, 64)
		if err != nil {
			return asked, fmt.Errorf("incarnation=%q is not a hexadecimal number", life)
		}
		asked.Incarnation = engine.Incarnation(incarnation)
	}
	return asked, nil
}

func (s *Script) transfer(c call) error {
	id, err := s.node(c, 0)
	if err != nil {
		return err
	}
	var target engine.NodeID
	if len(c.words) > 1 {
		if target, err = parseID(c.words[1]); err != nil {
			return err
		}
	}
	_, err = s.cluster.Transfer(id, target)
	return err
}

// members tells the membership that every node goes by, with addresses and lives.
func (s *Script) members(call) error {
	for _, id := range s.cluster.IDs() {
		if s.cluster.Running(id) {
			s.say("%v  %s", id, membersText(s.cluster.Status(id).Membership))
		}
	}
	return nil
}

// membersText shows each member with its life and its address, learners in brackets.
func membersText(m engine.Membership) string {
	if len(m.Members) == 0 {
		return "nobody"
	}
	var parts []string
	for _, member := range m.Members {
		text := fmt.Sprintf("%v@%x %s", member.ID, uint64(member.Incarnation), member.Address)
		if member.Incarnation == 0 {
			text = fmt.Sprintf("%v@? %s", member.ID, member.Address)
		}
		if member.Role == engine.Learner {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " · ")
}
