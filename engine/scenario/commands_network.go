package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// selection says which messages on their way a command means.
type selection struct {
	from, to engine.NodeID // zero: any
	kind     string        // empty: any
	limit    int
}

func (s selection) fits(e envelope) bool {
	return (s.from == 0 || e.from.ID == s.from) && (s.to == 0 || e.to == s.to) && (s.kind == "" || typeName(e.message) == s.kind)
}

var messageTypes = []engine.Message{
	(*engine.RequestPreVote)(nil), (*engine.RequestPreVoteResponse)(nil),
	(*engine.RequestVote)(nil), (*engine.RequestVoteResponse)(nil),
	(*engine.AppendEntries)(nil), (*engine.AppendEntriesResponse)(nil),
	(*engine.Heartbeat)(nil), (*engine.HeartbeatResponse)(nil), (*engine.TimeoutNow)(nil),
	(*engine.Removed)(nil),
	(*engine.SnapshotOffer)(nil), (*engine.SnapshotOfferResponse)(nil),
}

func (s *Script) selection(c call) (selection, error) {
	chosen := selection{limit: math.MaxInt}
	for _, word := range c.words {
		if err := chosen.narrow(word); err != nil {
			return chosen, err
		}
	}
	return chosen, nil
}

// narrow understands n1->n2, n1->, ->n2, a number, and the name of a message type.
func (s *selection) narrow(word string) (err error) {
	if from, to, isLink := strings.Cut(word, "->"); isLink {
		if from != "" {
			s.from, err = parseID(from)
		}
		if to != "" && err == nil {
			s.to, err = parseID(to)
		}
		return err
	}
	if limit, err := strconv.Atoi(word); err == nil {
		s.limit = limit
		return nil
	}
	if !slices.ContainsFunc(messageTypes, func(m engine.Message) bool { return typeName(m) == word }) {
		return fmt.Errorf("%q is neither a link nor a number nor a message type", word)
	}
	s.kind = word
	return nil
}

func (s *Script) deliver(c call) error {
	chosen, err := s.selection(c)
	if err != nil {
		return err
	}
	s.each(chosen, s.cluster.DeliverAt)
	return nil
}

// exchange plays round trips between two nodes.
func (s *Script) exchange(c call) error {
	if len(c.words) < 2 {
		return fmt.Errorf("between whom?")
	}
	ids, err := parseIDs(c.words[:2])
	if err != nil {
		return err
	}
	times, err := c.number(2, 1)
	for ; err == nil && times > 0; times-- {
		s.deliverLink(ids[0], ids[1])
		s.deliverLink(ids[1], ids[0])
	}
	return err
}

// beat lets time pass for a leader and one follower.
func (s *Script) beat(c call) error {
	times, err := c.number(2, 1)
	for ; err == nil && times > 0; times-- {
		if err = s.tick(call{words: c.words[:1]}); err == nil {
			err = s.exchange(call{words: c.words[:2]})
		}
	}
	return err
}

// deliverLink delivers what is on a link, which may be nothing.
func (s *Script) deliverLink(from, to engine.NodeID) {
	chosen := selection{from: from, to: to, limit: math.MaxInt}
	if len(s.cluster.network.choose(1, chosen.fits)) > 0 {
		s.each(chosen, s.cluster.DeliverAt)
	}
}

func (s *Script) drop(c call) error {
	chosen, err := s.selection(c)
	if err != nil {
		return err
	}
	s.each(chosen, s.cluster.DropAt)
	return nil
}

// each takes what is chosen now, and nothing that comes to be meanwhile, off the network.
func (s *Script) each(chosen selection, do func(position int)) {
	count := len(s.cluster.network.choose(chosen.limit, chosen.fits))
	if count == 0 {
		s.say("nothing is on its way")
	}
	for range count {
		positions := s.cluster.network.choose(1, chosen.fits)
		if len(positions) == 0 || s.Violation() != nil {
			return
		}
		do(positions[0])
	}
}

func (s *Script) duplicate(c call) error {
	chosen, err := s.selection(c)
	if err != nil {
		return err
	}
	positions := s.cluster.network.choose(chosen.limit, chosen.fits)
	if len(positions) == 0 {
		return fmt.Errorf("nothing is on its way")
	}
	for _, position := range positions {
		s.cluster.DuplicateAt(position)
	}
	return nil
}

// reorder moves the newest chosen message before the others.
func (s *Script) reorder(c call) error {
	chosen, err := s.selection(c)
	if err != nil {
		return err
	}
	positions := s.cluster.network.choose(chosen.limit, chosen.fits)
	if len(positions) < 2 {
		return fmt.Errorf("fewer than two messages on their way")
	}
	newest := s.cluster.network.take(positions[len(positions)-1])
	s.cluster.network.flight = slices.Insert(s.cluster.network.flight, positions[0], newest)
	s.say("overtakes: %s", newest)
	return nil
}

func (s *Script) messages(call) error {
	for _, e := range s.cluster.network.flight {
		s.say("%s", e)
	}
	if s.cluster.InFlight() == 0 {
		s.say("nothing is on its way")
	}
	return nil
}

func (s *Script) partition(c call) error {
	var groups [][]engine.NodeID
	for group := range strings.SplitSeq(strings.Join(c.words, " "), "|") {
		ids, err := parseIDs(strings.Fields(group))
		if err != nil {
			return err
		}
		groups = append(groups, ids)
	}
	for i, left := range groups {
		for _, right := range groups[i+1:] {
			s.separate(left, right)
		}
	}
	return nil
}

func (s *Script) separate(left, right []engine.NodeID) {
	for _, a := range left {
		for _, b := range right {
			s.cluster.Cut(a, b)
			s.cluster.Cut(b, a)
		}
	}
}

func (s *Script) cut(c call) error {
	var chosen selection
	if len(c.words) != 1 {
		return fmt.Errorf("cut which link?")
	}
	if err := chosen.narrow(c.words[0]); err != nil {
		return err
	}
	if chosen.from == 0 || chosen.to == 0 {
		return fmt.Errorf("cut which link?")
	}
	s.cluster.Cut(chosen.from, chosen.to)
	return nil
}

func (s *Script) heal(call) error {
	s.cluster.Heal()
	return s.cluster.Err()
}

// storm bounds stabilise: a cluster at rest has nothing to say without ticks, so more than this is a message
// loop.
const storm = 10_000

func (s *Script) stabilise(call) error {
	for range storm {
		transfers := s.cluster.Transfers()
		switch {
		case s.Violation() != nil:
			return s.Violation()
		case s.cluster.InFlight() > 0:
			s.cluster.DeliverAt(0)
		case len(transfers) > 0:
			s.cluster.MoveChunk(transfers[0], transfers[0].Left)
		default:
			return nil
		}
	}
	return fmt.Errorf("still %d messages on their way after %d", s.cluster.InFlight(), storm)
}
