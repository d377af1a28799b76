package engine

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestProgressAgainstItsStateMachine leads a follower that keeps the rules over a network that loses, repeats and
// reorders, while the leader grows and compacts its log. A model says what each event does to state, match, next and
// the window, as it is drawn at progress, and what is sent is judged by what was sent before. At the end the network
// heals, and the follower is caught up or, if its disk forgot what the leader counts on, found out.
func TestProgressAgainstItsStateMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newProgressWalk(t, rt)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			w.disturb()
		}
		w.heal()
	})
}

// progressWalk is a leader, a model of what it knows of n2, n2 itself and what is on its way between them. n3
// acknowledges everything at once.
type progressWalk struct {
	*alone
	rt    *rapid.T
	terms []Term // of the leader's log, from index 1 on

	n2      fakeFollower
	lost    bool // n2 forgot something: it may be found out from now on
	flight  []Message
	files   []*SendSnapshot
	answers []answerOfN2

	state       progressState
	match, next Index
	window      []inflightAppend
	unheard     SendNumber // of the newest append whose answer says where to go on; zero when there is none
	stepBack    SendNumber // messages up to it were sent before the last step back
	newest      SendNumber // of the messages to n2
}

// answerOfN2 is an answer on its way, and how far the logs agreed when it was given.
type answerOfN2 struct {
	message Message
	agreed  Index
}

// fakeFollower is the log of a follower that keeps the rules: the term at each index from 1 on.
type fakeFollower []Term

func newProgressWalk(t *testing.T, rt *rapid.T) *progressWalk {
	t.Helper()
	draw := func(low, high int, name string) int { return rapid.IntRange(low, high).Draw(rt, name) }
	w := &progressWalk{rt: rt}
	w.terms = append([]Term{1, 1}, drawTerms(rt, "leader", 2, 1)...) // even terms; what only n2 has is of odd ones
	w.alone = newAlone(t, aloneOptions{
		voters: 3, state: HardState{Term: 9}, terms: w.terms[2:],
		change: func(cfg *Config) {
			cfg.TrailingLogEntries = draw(0, 3, "trailing")
			cfg.MaxAppendEntries = draw(1, 3, "entries of an append")
			cfg.MaxInflightAppends = draw(1, 3, "appends of the window")
			cfg.MaxInflightBytes = draw(1, 150, "bytes of the window")
		},
	})
	agreed := draw(2, len(w.terms), "agreed")
	w.n2 = slices.Clone(w.terms[:agreed])
	newest := w.n2[agreed-1]
	if agreed == len(w.terms) || w.terms[agreed] != newest { // n2 may hold more of that term's leader
		w.n2 = append(w.n2, slices.Repeat([]Term{newest}, draw(0, 3, "more of the same"))...)
	}
	w.n2 = append(w.n2, drawTerms(rt, "follower", newest+1, 0)...)
	w.lead()
	p := w.follower(2)
	w.state, w.next = probing, p.next
	w.collect()
	w.settle()
	return w
}

// drawTerms draws terms that do not fall: even ones, or odd ones, from low on.
func drawTerms(t *rapid.T, name string, low, even Term) []Term {
	var terms []Term
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 3), 0, 6).Draw(t, name) {
		if term := Term(2*n) + 1 + even; term >= low {
			terms = append(terms, term)
		}
	}
	slices.Sort(terms)
	return terms
}

func (f fakeFollower) agreement(terms []Term) Index {
	agreed := 0
	for agreed < min(len(f), len(terms)) && f[agreed] == terms[agreed] {
		agreed++
	}
	return Index(agreed)
}

// take is what the paper's figure 3.1 asks of a follower, with the conflicting term and its first index.
func (f *fakeFollower) take(m *AppendEntries) *AppendEntriesResponse {
	answer := &AppendEntriesResponse{Term: m.Term, Number: m.Number}
	prev := m.Prev.Index
	if prev > Index(len(*f)) {
		answer.Conflict = Position{Index: Index(len(*f)) + 1}
		return answer
	}
	if prev > 0 && (*f)[prev-1] != m.Prev.Term {
		answer.Conflict = Position{Term: (*f)[prev-1], Index: prev}
		for answer.Conflict.Index > 1 && (*f)[answer.Conflict.Index-2] == answer.Conflict.Term {
			answer.Conflict.Index--
		}
		return answer
	}
	for _, entry := range m.Entries {
		if entry.Index <= Index(len(*f)) && (*f)[entry.Index-1] != entry.Term {
			*f = (*f)[: entry.Index-1 : entry.Index-1]
		}
		if entry.Index > Index(len(*f)) {
			*f = append(*f, entry.Term)
		}
	}
	answer.Accepted, answer.Match = true, prev+Index(len(m.Entries))
	return answer
}

// disturb lets one thing happen.
func (w *progressWalk) disturb() {
	switch rapid.IntRange(0, 14).Draw(w.rt, "event") {
	case 0, 1:
		w.grow(rapid.IntRange(1, 4).Draw(w.rt, "proposals"))
	case 2:
		w.compactLog()
	case 3:
		w.beat()
	case 4:
		if rapid.IntRange(0, 9).Draw(w.rt, "loss") == 0 {
			w.n2, w.lost = w.n2[:rapid.IntRange(1, len(w.n2)).Draw(w.rt, "left")], true
		}
	case 5, 6, 7, 8:
		if len(w.flight) > 0 {
			w.deliver(drawOne(w.rt, &w.flight))
		}
	case 9:
		if len(w.files) > 0 {
			w.deliverFile(drawOne(w.rt, &w.files), rapid.Bool().Draw(w.rt, "arrives"))
		}
	default:
		if len(w.answers) > 0 {
			w.learn(drawOne(w.rt, &w.answers))
		}
	}
	w.check()
}

// drawOne takes one of what is on its way, in most cases the oldest, and may leave a copy, or all before it gone.
func drawOne[T any](t *rapid.T, queue *[]T) T {
	i := max(0, rapid.IntRange(-1, len(*queue)-1).Draw(t, "which"))
	item := (*queue)[i]
	switch rapid.IntRange(0, 5).Draw(t, "network") {
	case 0: // it comes once more
	case 1:
		*queue = slices.Delete(*queue, 0, i+1)
	default:
		*queue = slices.Delete(*queue, i, i+1)
	}
	return item
}

// grow appends entries, which n3 takes and which are committed and applied at once.
func (w *progressWalk) grow(n int) {
	for range n {
		w.propose("x")
		w.collect()
	}
	w.settle()
}

func (w *progressWalk) settle() {
	w.sync()
	w.collect()
	w.accept(3, w.log.lastIndex())
	w.collect()
	w.applyAll()
	w.collect()
}

func (w *progressWalk) compactLog() {
	if w.applied <= w.snapshot.Position.Index {
		return
	}
	w.step(&SnapshotTaken{Now: w.clock, Snapshot: w.label(uint64(w.writes)+1, w.applied)})
	if w.next <= w.log.base.Index && (w.state == probing || w.state == replicating) {
		w.rewound(installing)
	}
	w.collect()
	w.sync()
	w.collect()
}

// beat lets a heartbeat round leave, which n3 answers.
func (w *progressWalk) beat() {
	for range w.cfg.HeartbeatIntervalTicks {
		beats := sent[*Heartbeat](w.tick(1), 3)
		w.collect()
		for _, m := range beats {
			w.receive(3, &HeartbeatResponse{Term: m.Term, Number: m.Number})
			w.collect()
		}
	}
}

// deliver gives n2 a message and sends its answer on the way.
func (w *progressWalk) deliver(message Message) {
	var answer Message
	switch m := message.(type) {
	case *AppendEntries:
		answer = w.n2.take(m)
	case *Heartbeat:
		answer = &HeartbeatResponse{Term: m.Term, Number: m.Number}
	case *SnapshotOffer:
		verdict := SnapshotOfferResponse{Term: m.Term, Number: m.Number, Transfer: m.Transfer, Verdict: SnapshotAccepted}
		if last := m.Snapshot.Position.Index; w.n2.agreement(w.terms) >= last {
			verdict.Verdict, verdict.Match = SnapshotHeld, last
		}
		answer = &verdict
	default:
		require.Fail(w.rt, "sent to a follower", "%T", message)
	}
	w.answer(answer)
}

func (w *progressWalk) answer(m Message) {
	w.answers = append(w.answers, answerOfN2{message: m, agreed: w.n2.agreement(w.terms)})
}

// deliverFile ends what a host was asked to send.
func (w *progressWalk) deliverFile(s *SendSnapshot, arrives bool) {
	result := &SnapshotSendResult{Now: w.clock, Transfer: s.Transfer}
	if arrives {
		last := s.Snapshot.Position.Index
		if w.n2.agreement(w.terms) < last {
			w.n2 = slices.Clone(w.terms[:last])
		}
		w.answer(&SnapshotOfferResponse{Term: w.Term(), Number: w.newest, Transfer: s.Transfer, Verdict: SnapshotHeld, Match: last})
	} else {
		result.Err = errHost
	}
	w.step(result)
	w.collect()
}

// learn gives the leader an answer, after the model has said what it makes of it.
func (w *progressWalk) learn(a answerOfN2) {
	switch m := a.message.(type) {
	case *AppendEntriesResponse:
		if m.Accepted {
			w.accepted(m)
		} else {
			w.rejected(a, m)
			return
		}
	case *SnapshotOfferResponse:
		if m.Verdict == SnapshotHeld && w.state != dataLost {
			w.acknowledged(m.Match)
			w.resumed()
		}
	default:
	}
	w.receive(2, a.message)
	w.collect()
}

func (w *progressWalk) accepted(m *AppendEntriesResponse) {
	if w.state == dataLost {
		return
	}
	met := m.Match >= w.next || m.Match == w.log.lastIndex()
	w.acknowledged(m.Match)
	if m.Number == w.unheard {
		w.unheard = 0
	}
	if w.state == probing && met {
		w.streams()
	}
	w.resumed()
}

// acknowledged: match never falls, and guards next.
func (w *progressWalk) acknowledged(match Index) {
	w.match = max(w.match, match)
	w.next = max(w.next, w.match+1)
	for len(w.window) > 0 && w.window[0].last <= w.match {
		w.window = w.window[1:]
	}
}

// resumed: a follower that holds all that the log no longer has needs no snapshot.
func (w *progressWalk) resumed() {
	if w.state == installing && w.match >= w.log.base.Index {
		w.streams()
	}
}

func (w *progressWalk) streams() {
	w.state, w.next, w.window, w.unheard = replicating, w.match+1, nil, 0
}

func (w *progressWalk) rewound(to progressState) {
	w.state, w.window, w.unheard, w.stepBack = to, nil, 0, w.sendNumber
}

// rejected: what is stale moves nothing; anything else leads back to probing, lower than what was denied and no lower
// than where the logs agree, or shows that n2 forgot what it had acknowledged.
func (w *progressWalk) rejected(a answerOfN2, m *AppendEntriesResponse) {
	p, before, number := w.follower(2), w.next, w.sendNumber
	w.receive(2, m)
	switch {
	case w.state == dataLost || m.Number <= w.stepBack:
		require.Empty(w.rt, w.last, "stale")
	case p.state == dataLost:
		require.True(w.rt, w.lost && a.agreed < w.match, "found out without a fault")
		w.state, w.window, w.unheard = dataLost, nil, 0
		require.Len(w.rt, pick[*PeerLostData](w.last), 1)
	default:
		if agreed := max(a.agreed, w.match); agreed >= w.log.base.Index { // what was compacted cannot be looked into
			require.Greater(w.rt, p.next, agreed, "further back than where the logs part")
		}
		require.LessOrEqual(w.rt, p.next, max(before-1, w.match+1), "no step back")
		w.rewound(probing)
		w.next, w.stepBack = p.next, number
		if w.next <= w.log.base.Index {
			w.state = installing
		}
	}
	w.collect()
}

// collect looks at what the last step sends to n2, and puts it on its way.
func (w *progressWalk) collect() {
	for _, action := range w.last {
		switch m := action.(type) {
		case *PersistLogEntries:
			for _, entry := range m.Entries[max(0, len(w.terms)+1-int(m.Entries[0].Index)):] {
				w.terms = append(w.terms, entry.Term)
			}
		case *SendSnapshot:
			w.files = append(w.files, m)
		case *AbortSnapshot:
			w.files = slices.DeleteFunc(w.files, func(s *SendSnapshot) bool { return s.Transfer == m.Transfer })
		case *Send:
			if m.To == 2 {
				w.flight = append(w.flight, m.Message)
				w.sentToN2(m.Message)
			}
		default:
		}
	}
	w.last = nil
}

func (w *progressWalk) sentToN2(message Message) {
	var number SendNumber
	switch m := message.(type) {
	case *AppendEntries:
		number = m.Number
		w.appendSent(m)
	case *Heartbeat:
		number = m.Number
		require.LessOrEqual(w.rt, m.Commit, w.match, "committed, as far as n2 is known to hold it")
	case *SnapshotOffer:
		number = m.Number
		require.Equal(w.rt, installing, w.state)
	default:
	}
	require.Greater(w.rt, number, w.newest, "numbers rise")
	w.newest = number
}

func (w *progressWalk) appendSent(m *AppendEntries) {
	require.Contains(w.rt, []progressState{probing, replicating}, w.state)
	require.Equal(w.rt, w.next-1, m.Prev.Index, "appends follow each other, and a probe asks where next is")
	require.LessOrEqual(w.rt, len(m.Entries), w.cfg.MaxAppendEntries)
	switch {
	case len(m.Entries) == 0:
		w.unheard = m.Number
	case w.state == probing:
		require.Zero(w.rt, w.unheard, "one append at a time")
		w.unheard = m.Number
	default:
		last := m.Prev.Index + Index(len(m.Entries))
		w.window = append(w.window, inflightAppend{number: m.Number, last: last, bytes: sizeOf(m.Entries)})
		w.next = last + 1
	}
}

// check compares the leader with the model, and finds out whether it could have sent more.
func (w *progressWalk) check() {
	p := w.follower(2)
	require.Equal(w.rt, w.state.String(), p.state.String())
	require.Equal(w.rt, w.match, p.match)
	require.Equal(w.rt, w.next, p.next)
	require.True(w.rt, slices.Equal(w.window, p.inflight.items[p.inflight.head:]), "what is on its way")
	if !w.lost {
		require.LessOrEqual(w.rt, p.match, w.n2.agreement(w.terms), "n2 holds what it is believed to hold")
	}
	bytes := 0
	for _, a := range w.window {
		bytes += a.bytes
	}
	require.True(w.rt, len(w.window) <= 1 || bytes <= w.cfg.MaxInflightBytes, "the window holds")
	if w.match == w.log.lastIndex() || w.next > w.log.lastIndex() {
		return
	}
	switch w.state {
	case probing:
		require.NotZero(w.rt, w.unheard, "it waits for nothing")
	case replicating:
		_, more := w.log.bounded(w.next, w.log.lastIndex(), w.cfg.MaxAppendEntries, w.cfg.MaxAppendBytes)
		require.True(w.rt, len(w.window) == w.cfg.MaxInflightAppends || bytes > 0 && bytes+more > w.cfg.MaxInflightBytes, "there is room")
	case installing, dataLost:
	}
}

// heal loses what is on its way and nothing more. Rounds are bounded by the terms of the two logs and what the window
// takes, and by the rest between two offers of a snapshot.
func (w *progressWalk) heal() {
	w.flight, w.answers = nil, nil
	for len(w.files) > 0 {
		w.deliverFile(w.files[0], false)
		w.files = slices.Delete(w.files, 0, 1)
	}
	w.grow(1)
	for range 20 + len(w.terms) + w.cfg.ElectionTimeoutMinTicks {
		w.beat()
		for len(w.flight)+len(w.answers)+len(w.files) > 0 {
			w.passAlong()
			w.check()
		}
	}
	if w.state == dataLost {
		return
	}
	require.Equal(w.rt, replicating.String(), w.state.String())
	require.Equal(w.rt, w.log.lastIndex(), w.match)
	require.Equal(w.rt, w.terms, []Term(w.n2))
}

// passAlong delivers the oldest of what is on its way.
func (w *progressWalk) passAlong() {
	switch {
	case len(w.flight) > 0:
		m := w.flight[0]
		w.flight = w.flight[1:]
		w.deliver(m)
	case len(w.answers) > 0:
		a := w.answers[0]
		w.answers = w.answers[1:]
		w.learn(a)
	default:
		s := w.files[0]
		w.files = w.files[1:]
		w.deliverFile(s, true)
	}
}
