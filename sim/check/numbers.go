package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// numbers is what a leader has sent in its term, and who has answered what.
type numbers struct {
	term  engine.Term
	ticks int
	sent  engine.SendNumber
	at    []sentAt // when each Step sent its highest number
	peers map[engine.Peer]*echoes
	asked bool           // somebody to take over
	lease engine.Instant // from when on the lease lasts, if any did
	held  bool
}

type sentAt struct {
	number engine.SendNumber
	at     engine.Instant
}

// echoes is what one voter has answered.
type echoes struct {
	number     engine.SendNumber
	answeredAt int // ticks
	since      int // ticks: since when it has been a voter
	votedAt    int // ticks: when it last was one
	lostData   bool
	match      engine.Index // acknowledged
}

func (k *numbers) leads(n *node) bool {
	return n.status.Role == engine.Leader && k.term == n.status.Term
}

func (k *numbers) of(p engine.Peer) *echoes {
	if k.peers[p] == nil {
		k.peers[p] = &echoes{}
	}
	return k.peers[p]
}

// take takes in what a Step of a leader received and sent.
func (k *numbers) take(n *node, before engine.Status, event engine.Event, actions []engine.Action) {
	if n.status.Role != engine.Leader && before.Role != engine.Leader {
		return
	}
	if term := before.Term; before.Role != engine.Leader || k.term != term {
		*k = numbers{term: n.status.Term, peers: map[engine.Peer]*echoes{}}
	}
	if incoming, ok := event.(*engine.Incoming); ok {
		if number, ok := echoed(incoming.Message, k.term); ok {
			of := k.of(incoming.From)
			of.answeredAt = k.ticks
			of.match = max(of.match, acknowledged(incoming.Message))
			if number <= k.sent {
				of.number = max(of.number, number)
			}
		}
	}
	quorum := k.quorum(n)
	if quorum == ^engine.SendNumber(0) { // nobody else has a say
		k.lease, k.held = n.conduct.now, true
	} else if sent, found := k.sentBy(quorum); found && (!k.held || sent > k.lease) {
		k.lease, k.held = sent, true
	}
	for _, action := range actions {
		switch a := action.(type) {
		case *engine.Send:
			k.leaves(a.Message, n.conduct.now)
		case *engine.PeerLostData:
			k.of(a.Peer).lostData = true
		default:
		}
	}
}

func (k *numbers) leaves(message engine.Message, now engine.Instant) {
	number := engine.SendNumber(0)
	switch m := message.(type) {
	case *engine.AppendEntries:
		number = m.Number
	case *engine.Heartbeat:
		number = m.Number
	case *engine.SnapshotOffer:
		number = m.Number
	case *engine.TimeoutNow:
		number, k.asked = m.Number, true
	default:
	}
	if number <= k.sent {
		return
	}
	k.sent = number
	if last := len(k.at) - 1; last >= 0 && k.at[last].at == now {
		k.at[last].number = number
		return
	}
	k.at = append(k.at, sentAt{number, now})
}

// sentBy returns when a number left.
func (k *numbers) sentBy(number engine.SendNumber) (engine.Instant, bool) {
	i, _ := slices.BinarySearchFunc(k.at, number, func(s sentAt, number engine.SendNumber) int { return int(s.number) - int(number) })
	if number == 0 || i == len(k.at) {
		return 0, false
	}
	return k.at[i].at, true
}

// echoed returns the number that an answer to a leader of the term repeats.
func echoed(message engine.Message, term engine.Term) (engine.SendNumber, bool) {
	switch m := message.(type) {
	case *engine.AppendEntriesResponse:
		return m.Number, m.Term == term && m.Number != 0
	case *engine.HeartbeatResponse:
		return m.Number, m.Term == term && m.Number != 0
	case *engine.SnapshotOfferResponse:
		return m.Number, m.Term == term && m.Number != 0
	default:
	}
	return 0, false
}

// acknowledged returns up to where an answer says that the log is held.
func acknowledged(message engine.Message) engine.Index {
	switch m := message.(type) {
	case *engine.AppendEntriesResponse:
		if m.Accepted {
			return m.Match
		}
	case *engine.SnapshotOfferResponse:
		if m.Verdict == engine.SnapshotHeld {
			return m.Match
		}
	default:
	}
	return 0
}

// quorum returns the highest number such that a majority of the voters has answered it or a higher one.
func (k *numbers) quorum(n *node) engine.SendNumber {
	var all []engine.SendNumber
	for _, m := range n.status.Membership.Members {
		if m.Role != engine.Voter {
			continue
		}
		of := k.of(engine.Peer{ID: m.ID, Incarnation: m.Incarnation})
		switch {
		case m.ID == n.peer.ID:
			all = append(all, ^engine.SendNumber(0))
		case of.lostData || m.Incarnation == 0:
			all = append(all, 0)
		default:
			all = append(all, of.number)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
