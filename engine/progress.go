package engine

import (
	"cmp"
	"slices"
	"sort"
)

// progressState says how a leader talks to one member.
type progressState uint8

const (
	// probing: where the logs meet is not known. One append is on its way at most; it does not move next.
	probing progressState = iota
	// replicating: the logs met. Appends follow each other without waiting, as far as the window allows.
	replicating
	// installing: the member lacks entries that our log no longer has. It gets a snapshot; see transfer.
	installing
	// dataLost: the member rejected what it had acknowledged. It hears heartbeats and counts nowhere.
	dataLost
)

// String names the state as [FollowerStatus] shows it.
func (s progressState) String() string {
	return [...]string{probing: "probe", replicating: "replicate", installing: "snapshot", dataLost: "lost data"}[s]
}

// progress is what a leader knows of one other member. It lives as long as the leadership: a new leader knows
// no match index until it is told.
//
//	                 the logs met behind all that was sent
//	        ┌──────────────────────────────────────────────┐
//	        │                                              ▼
//	──▶ probing ◀────────────── rejected ──────────── replicating
//	        │                                            │   ▲
//	        │ next ≤ base                    next ≤ base │   │ match ≥ base
//	        │                                            ▼   │
//	        └────────────────────────────────────────▶ installing
//
// From each of them a rejection that proves a loss leads to dataLost, for good.
//
// Invariant: match < next; inflightBytes is the sum over inflight; inflight is empty unless replicating; next is above
// the log's base while probing or replicating; only installing has a transfer.
type progress struct {
	Member
	countsFrom Index // where the log first names this incarnation: what it acknowledges below does not count
	leaving    bool  // it was removed, which is not committed
	left       bool  // it was removed: this is no follower any more
	state      progressState
	silence    int   // ticks since it last answered
	match      Index // durable there and equal to our log
	next       Index // the next entry to send

	inflight      queue[inflightAppend]
	inflightBytes int
	full          bool // what comes next did not fit, and nothing has left the window since

	matchNumber  SendNumber // messages above it were sent after match was known
	rewindNumber SendNumber // messages up to it were sent before the last rewind: their rejections are stale
	sentNumber   SendNumber // of the last message
	echoed       SendNumber // the highest number of a heartbeat that it answered
	probe        probeAppend
	roundNumber  SendNumber // of the oldest heartbeat round whose answer is awaited; zero when none
	commitNumber SendNumber // of the unanswered heartbeat that carries a commit index; zero when none
	transfer     *transfer  // of a snapshot; nil when none is promised
	rest         int        // ticks until a snapshot may be offered
	catchingUp   bool       // since a snapshot, until the trailing log is enough

	commitTold Index // the highest commit index that a message to this member carried, as it will cap it
}

// inflightAppend is an append with entries that was not acknowledged yet.
type inflightAppend struct {
	number SendNumber
	last   Index
	bytes  int
}

// probeAppend is the newest unanswered append whose answer tells whether the logs meet at prev. Number is zero
// when none is on its way.
type probeAppend struct {
	number SendNumber
	prev   Index
}

// is reports whether a message from this incarnation is one of the member. Nobody speaks for a founder that is
// not bound; its leader binds it when it meets it, so that is a matter of one message.
func (p *progress) is(incarnation Incarnation) bool {
	return p.Incarnation != 0 && p.Incarnation == incarnation
}

// counted returns the match index that commitment may count: none of a learner, of a member that lost data, or
// of one that does not hold the entry that names its incarnation.
func (p *progress) counted() Index {
	if p.Role != Voter || p.state == dataLost || p.match < p.countsFrom {
		return 0
	}
	return p.match
}

// hasRoom reports whether an append of the given size fits into the window.
func (p *progress) hasRoom(bytes int, cfg *Config) bool {
	return p.inflight.len() < cfg.MaxInflightAppends &&
		(p.inflightBytes == 0 || p.inflightBytes+bytes <= cfg.MaxInflightBytes)
}

// sent records an append with entries up to last in the window.
func (p *progress) sent(number SendNumber, last Index, bytes int) {
	p.inflight.push(inflightAppend{number: number, last: last, bytes: bytes})
	p.inflightBytes += bytes
	p.next = last + 1
}

// acknowledge takes in that the member holds everything up to match; now is the newest send number. It never
// moves back.
func (p *progress) acknowledge(match Index, now SendNumber) {
	if match > p.match {
		p.match, p.matchNumber = match, now
	}
	p.next, p.full = max(p.next, p.match+1), false
	for p.inflight.len() > 0 && p.inflight.front().last <= p.match {
		p.inflightBytes -= p.inflight.front().bytes
		p.inflight.pop()
	}
}

// rewind starts to probe at next; now is the newest send number.
func (p *progress) rewind(next Index, now SendNumber) {
	p.state, p.next, p.rewindNumber = probing, max(next, p.match+1), now
	p.forgetInflight()
}

// replicate lets appends follow each other: the logs met at match.
func (p *progress) replicate() {
	p.state, p.next = replicating, p.match+1
	p.forgetInflight()
}

func (p *progress) forgetInflight() {
	p.inflight.clear()
	p.inflightBytes, p.full = 0, false
	p.probe = probeAppend{}
}

// provesLoss reports whether a rejection proves that the member forgot what it had acknowledged: it answers a
// message that was sent after the acknowledgement was known, and denies the entry at match or one below.
func (p *progress) provesLoss(m *AppendEntriesResponse) bool {
	if m.Number <= p.matchNumber || p.match == 0 {
		return false
	}
	endsBelow := m.Conflict.Term == 0 && m.Conflict.Index <= p.match
	denied := m.Number == p.probe.number && p.probe.prev <= p.match
	return endsBelow || denied
}

// follower returns the progress of a member, nil if there is none.
func (e *Engine) follower(id NodeID) *progress {
	i := sort.Search(len(e.followers), func(i int) bool { return e.followers[i].ID >= id })
	if i == len(e.followers) || e.followers[i].ID != id {
		return nil
	}
	return e.followers[i]
}

// trackFollowers brings the leader's followers in line with the active configuration: those who stay keep their
// progress, newcomers are probed at the end of the log, and who was removed stays until that is committed, so that it
// hears of it. The leader counts itself if it is a voter.
func (e *Engine) trackFollowers() {
	members, leaving := e.log.members(), e.leaving()
	e.counts = false
	followers := make([]*progress, 0, len(members)+len(leaving))
	for _, m := range members {
		if m.ID == e.cfg.ID {
			e.counts = m.Role == Voter
			continue
		}
		followers = append(followers, e.track(m))
	}
	for _, m := range leaving {
		p := e.track(m)
		p.leaving, p.Role = true, Learner
		followers = append(followers, p)
	}
	slices.SortFunc(followers, func(a, b *progress) int { return cmp.Compare(a.ID, b.ID) })
	e.followers = followers
}

// track returns what is known of a member, which is nothing if it is new: what it acknowledged before it was removed and
// added again was forgotten when it left.
func (e *Engine) track(m Member) *progress {
	p := e.follower(m.ID)
	if p == nil {
		p = &progress{next: e.log.lastIndex() + 1}
	}
	if p.Incarnation != m.Incarnation || p.ID == 0 {
		p.countsFrom = e.log.namedSince(m.ID, m.Incarnation)
	}
	p.Member = m
	return p
}

// namedSince returns the index of the configuration that first named this incarnation of the member, of the
// unbroken run of them that ends with the newest.
func (l *log) namedSince(id NodeID, incarnation Incarnation) Index {
	since := l.configuration().index
	for _, c := range slices.Backward(l.configurations) {
		m, found := c.Membership.Lookup(id)
		if !found || m.Incarnation != incarnation {
			break
		}
		since = c.index
	}
	return since
}
