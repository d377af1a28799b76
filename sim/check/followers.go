package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// followers is what the members have answered a leader, and were told by it, in its term and as long as each is a member.
// Who leaves and comes back begins anew.
type followers struct {
	term  engine.Term
	named []engine.Member // whom of goes by
	of    []follower      // by id
	heard bool            // a majority has answered a heartbeat
}

type follower struct {
	peer   engine.Peer
	match  engine.Index      // acknowledged by answers to appends,
	held   engine.Index      // and by those to offers as well, of which some come too late to count
	echoed engine.SendNumber // the newest heartbeat that it answered,
	beat   engine.SendNumber // and that it was sent
	told   engine.Index      // committed, as far as messages show it to hold that
	since  int               // ticks of the term: when it became a member, from when on its silence counts
	stepBack
	probing
}

// checkFollowers judges what a leader does about each of its members.
func checkFollowers(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	f := &n.conduct.followers
	if n.status.Role != engine.Leader {
		f.term = 0
		return nil
	}
	if f.term != n.status.Term {
		*f = followers{term: n.status.Term}
	}
	f.follow(n)
	if err := f.answer(n, before, event, actions); err != nil {
		return err
	}
	for _, action := range actions {
		if send, ok := action.(*engine.Send); ok {
			f.sends(send)
		}
	}
	return f.checkCommitTold(n, before)
}

// follow forgets who is no member.
func (f *followers) follow(n *node) {
	if slices.Equal(f.named, n.status.Membership.Members) {
		return
	}
	old := f.of
	f.named, f.of = n.status.Membership.Members, nil
	for _, m := range f.named {
		if m.ID == n.peer.ID || m.Incarnation == 0 {
			continue
		}
		for len(f.of) <= int(m.ID) {
			f.of = append(f.of, follower{})
		}
		peer := engine.Peer{ID: m.ID, Incarnation: m.Incarnation}
		f.of[m.ID].peer, f.of[m.ID].since = peer, n.conduct.numbers.ticks
		if int(m.ID) < len(old) && old[m.ID].peer == peer {
			f.of[m.ID] = old[m.ID]
		}
	}
	f.heard = f.heard || f.quorum(n) > 0
}

// member returns what is known of a member; nil if it is none.
func (f *followers) member(id engine.NodeID) *follower {
	if int(id) >= len(f.of) || f.of[id].peer.ID == 0 {
		return nil
	}
	return &f.of[id]
}

// answer takes in what a member answers, and judges what the leader does about it.
func (f *followers) answer(n *node, before engine.Status, event engine.Event, actions []engine.Action) error {
	incoming, ok := event.(*engine.Incoming)
	if !ok || before.Role != engine.Leader {
		return nil
	}
	p := f.member(incoming.From.ID)
	if p == nil || p.peer != incoming.From {
		return nil
	}
	if _, ok := echoed(incoming.Message, f.term); !ok {
		return nil
	}
	p.held = max(p.held, acknowledged(incoming.Message))
	switch m := incoming.Message.(type) {
	case *engine.HeartbeatResponse:
		p.echoed = max(p.echoed, m.Number)
		f.heard = f.heard || f.quorum(n) > 0
	case *engine.AppendEntriesResponse:
		if m.Accepted {
			p.match = max(p.match, m.Match)
			return p.accepts(n, m, actions)
		}
		return p.rejects(n, before, m, actions)
	default:
	}
	return nil
}

// sends takes in what a member is sent.
func (f *followers) sends(send *engine.Send) {
	p := f.member(send.To)
	if p == nil {
		return
	}
	switch m := send.Message.(type) {
	case *engine.Heartbeat:
		p.beat = m.Number
		p.told = max(p.told, m.Commit)
	case *engine.AppendEntries:
		p.newest, p.next = m.Number, m.Prev.Index+1
		p.told = max(p.told, min(m.Commit, m.Prev.Index+engine.Index(len(m.Entries))))
	case *engine.SnapshotOffer:
		p.met = true // where the logs meet is found in another way
	default:
	}
	if number := numberOf(send.Message); number != 0 {
		p.newest = number
	}
}

// numberOf returns the number of a leader's message; zero if it has none.
func numberOf(message engine.Message) engine.SendNumber {
	switch m := message.(type) {
	case *engine.AppendEntries:
		return m.Number
	case *engine.Heartbeat:
		return m.Number
	case *engine.SnapshotOffer:
		return m.Number
	case *engine.TimeoutNow:
		return m.Number
	default:
	}
	return 0
}

// appendsTo returns the appends to a node among what is asked for.
func appendsTo(id engine.NodeID, actions []engine.Action) (appends []*engine.AppendEntries) {
	for _, action := range actions {
		if send, ok := action.(*engine.Send); ok && send.To == id {
			if m, ok := send.Message.(*engine.AppendEntries); ok {
				appends = append(appends, m)
			}
		}
	}
	return appends
}
