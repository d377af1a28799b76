package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzStep plays bytes as a history of one node: its host keeps the contract, and its peers say whatever passes the
// gateway, in any order, about any term and index. Nothing of that may break an invariant or leave a client without an
// answer; the engine may stop with the evidence.
func FuzzStep(f *testing.F) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		history := make([]byte, 60+40*seed)
		for i := range history {
			history[i] = byte(random.Uint32())
		}
		f.Add(history)
	}
	f.Fuzz(func(t *testing.T, history []byte) {
		if len(history) > 4096 {
			t.Skip("long histories tell no more and take their time")
		}
		newFuzzHost(t, history).play()
	})
}

// TestRandomHistories plays histories of chance, and shows with them that histories of bytes reach everything that an
// engine can ask for.
func TestRandomHistories(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(600) {
		random := rand.New(rand.NewPCG(seed, 2))
		history := make([]byte, 100+random.IntN(2000))
		for i := range history {
			history[i] = byte(random.Uint32())
		}
		h := newFuzzHost(t, history)
		h.seen = seen
		h.play()
	}
	for _, action := range []Action{
		&PersistHardState{}, &PersistLogEntries{}, &PersistSnapshot{}, &Send{}, &Apply{}, &ApplySnapshot{}, &ProposalAccepted{},
		&ProposalRejected{}, &Redirect{}, &ConfigChangeAccepted{}, &ConfigChangeRejected{}, &TransferDone{}, &TransferFailed{},
		&ReadReady{}, &ReadFailed{}, &SendSnapshot{}, &ReceiveSnapshot{}, &AbortSnapshot{}, &SnapshotHint{}, &DiscardSnapshot{},
		&PeerLostData{}, &Fatal{},
	} {
		require.Positive(t, seen[fmt.Sprintf("%T", action)], "%T: %v", action, seen)
	}
}

// play lives the whole history.
func (h *fuzzHost) play() {
	for !h.bytes.empty() && !h.engine.fatal {
		h.step(h.event())
	}
	h.settle()
}

// fuzzHost is the host of one engine: it remembers what it was asked for, and answers that in time.
type fuzzHost struct {
	t      *testing.T
	bytes  fuzzBytes
	engine *Engine
	now    Instant

	issued    Seq
	confirmed Seq
	handed    Index // by Apply and ApplySnapshot
	applied   Index
	asked     map[ProposalID]bool // proposals, changes and transfers without an answer
	reads     map[ReadID]bool
	nextID    uint64
	sending   map[TransferID]bool
	receiving map[TransferID]SnapshotMeta
	offered   *SnapshotOffer
	seen      map[string]int // actions by type; nil: nobody counts
}

func newFuzzHost(t *testing.T, history []byte) *fuzzHost {
	h := &fuzzHost{
		t: t, bytes: fuzzBytes{rest: history},
		asked: map[ProposalID]bool{}, reads: map[ReadID]bool{}, sending: map[TransferID]bool{}, receiving: map[TransferID]SnapshotMeta{},
	}
	cfg := DefaultConfig(1)
	cfg.Incarnation = 101
	cfg.Random = rand.NewPCG(uint64(h.bytes.next()), 4)
	cfg.ElectionTimeoutMinTicks, cfg.ElectionTimeoutMaxTicks, cfg.HeartbeatIntervalTicks = 4, 8, 1
	cfg.PreVote = h.bytes.next()%4 != 0
	cfg.MaxAppendEntries, cfg.MaxInflightAppends, cfg.MaxApplyEntries = 1+int(h.bytes.next()%4), 1+int(h.bytes.next()%4), 1+int(h.bytes.next()%4)
	cfg.MaxUnappliedBytes = 400 + 10*int(h.bytes.next())
	cfg.MaxBatchDelayTicks = int(h.bytes.next() % 3)
	cfg.SnapshotHintEntries, cfg.TrailingLogEntries = 1+int(h.bytes.next()%8), int(h.bytes.next()%4)
	if cfg.PreVote {
		cfg.LeaseDurationTicks = int(h.bytes.next() % 3)
	}
	entries := boundLog(t, 1+int(h.bytes.next()%5), int(h.bytes.next()%2), 2, 2, 3)
	e, err := New(cfg, Recovered{HardState: HardState{Term: 3}, Entries: entries, Commit: Index(h.bytes.next() % 5)})
	require.NoError(t, err)
	h.engine = e
	return h
}

// step hands over an event and holds the engine to the contract.
func (h *fuzzHost) step(event Event) {
	if event == nil || h.engine.fatal {
		return
	}
	for _, action := range h.engine.Step(event) {
		if h.seen != nil {
			h.seen[fmt.Sprintf("%T", action)]++
		}
		h.note(action)
	}
	if !h.engine.fatal {
		h.engine.CheckInvariants()
	}
}

func (h *fuzzHost) note(action Action) {
	switch a := action.(type) {
	case *PersistHardState:
		h.persist(a.Seq)
	case *PersistLogEntries:
		h.persist(a.Seq)
	case *PersistSnapshot:
		h.persist(a.Seq)
	case *Apply:
		require.Equal(h.t, h.handed+1, a.Entries[0].Index, "every index once, in order")
		h.handed = a.Entries[len(a.Entries)-1].Index
	case *ApplySnapshot:
		require.Greater(h.t, a.Snapshot.Position.Index, h.handed)
		h.handed = a.Snapshot.Position.Index
	case *ProposalAccepted:
		h.answered(a.ID)
	case *ProposalRejected:
		h.answered(a.ID)
	case *ConfigChangeAccepted:
		h.answered(a.ID)
	case *ConfigChangeRejected:
		h.answered(a.ID)
	case *TransferDone:
		h.answered(a.ID)
	case *TransferFailed:
		h.answered(a.ID)
	case *Redirect:
		h.answered(a.ID)
	case *ReadReady:
		require.LessOrEqual(h.t, a.Index, h.handed, "a read follows what it has to see")
		h.readAnswered(a.ID)
	case *ReadFailed:
		h.readAnswered(a.ID)
	case *SendSnapshot:
		h.sending[a.Transfer] = true
	case *ReceiveSnapshot:
		h.receiving[a.Transfer] = a.Snapshot
	case *AbortSnapshot:
		delete(h.sending, a.Transfer)
		delete(h.receiving, a.Transfer)
	case *Send:
		if offer, ok := a.Message.(*SnapshotOffer); ok {
			h.offered = offer
		}
	case *SnapshotHint, *DiscardSnapshot, *PeerLostData, *Fatal:
	}
}

func (h *fuzzHost) persist(seq Seq) {
	require.Equal(h.t, h.issued+1, seq, "Persist actions are numbered without a gap")
	h.issued = seq
}

func (h *fuzzHost) answered(id ProposalID) {
	require.True(h.t, h.asked[id], "an answer to %d, which nobody waits for", id)
	delete(h.asked, id)
}

func (h *fuzzHost) readAnswered(id ReadID) {
	require.True(h.t, h.reads[id], "an answer to read %d, which nobody waits for", id)
	delete(h.reads, id)
}

// settle lets disk and machine catch up and time pass: then nobody waits for an answer any more.
func (h *fuzzHost) settle() {
	for range 40 + h.engine.log.count { // the window of entries handed out may be one
		if h.engine.fatal {
			break
		}
		h.now += 1_000_000_000
		h.step(&Persisted{Now: h.now, Seq: h.issued})
		h.step(&Applied{Now: h.now, Index: h.handed})
		h.step(&Tick{Now: h.now})
	}
	require.Empty(h.t, h.reads, "every read is answered, also when the engine stops")
	if !h.engine.fatal && h.engine.Role() != Leader {
		require.Empty(h.t, h.asked, "who does not lead owes no answer")
	}
}

// event draws what happens next.
func (h *fuzzHost) event() Event {
	h.now += Instant(h.bytes.next()) * 2_000_000
	switch h.bytes.next() % 16 {
	case 0, 1:
		return &Tick{Now: h.now}
	case 2:
		h.confirmed = min(h.issued, h.confirmed+Seq(h.bytes.next()%4))
		return &Persisted{Now: h.now, Seq: h.confirmed}
	case 3:
		h.applied = min(h.handed, max(h.applied, h.engine.applied)+Index(h.bytes.next()%4))
		return &Applied{Now: h.now, Index: h.applied}
	case 4:
		return &PeerSeen{Now: h.now, From: h.peer(), MinElectionTimeout: Duration(h.bytes.next()) * 1_000_000}
	case 5, 6, 7:
		return h.clientEvent()
	case 8, 9:
		return h.snapshotEvent()
	case 10, 11, 12:
		return h.help()
	}
	return &Incoming{Now: h.now, From: h.peer(), Message: h.message()}
}

// help makes what takes many steps of luck: an election that is won, and followers that hold everything.
func (h *fuzzHost) help() Event {
	e := h.engine
	if e.role == Leader {
		for _, p := range slices.Clone(e.followers) {
			from := Peer{ID: p.ID, Incarnation: p.Incarnation}
			answer := &AppendEntriesResponse{Term: e.state.Term, Number: max(1, e.sendNumber), Accepted: true, Match: e.log.lastIndex()}
			if b := h.bytes.next(); p.match == 0 && b%2 == 0 || b%32 == 1 { // it has nothing, or nothing any more
				answer.Accepted, answer.Match, answer.Conflict.Index = false, 0, 1
			}
			h.step(&Incoming{Now: h.now, From: from, Message: answer})
			if h.step(&Tick{Now: h.now}); e.role != Leader {
				return nil
			}
			if p.transfer != nil && h.offered != nil {
				h.step(&Incoming{Now: h.now, From: from, Message: &SnapshotOfferResponse{
					Term: e.state.Term, Number: h.offered.Number, Transfer: p.transfer.id, Verdict: SnapshotAccepted,
				}})
			}
			h.step(&Incoming{Now: h.now, From: from, Message: &HeartbeatResponse{Term: e.state.Term, Number: max(1, e.sendNumber)}})
		}
		return &Persisted{Now: h.now, Seq: h.issued}
	}
	h.confirmed = h.issued
	h.step(&Persisted{Now: h.now, Seq: h.issued})
	for range 2 * e.cfg.ElectionTimeoutMaxTicks {
		h.now += Instant(e.cfg.TickInterval)
		if h.step(&Tick{Now: h.now}); e.fatal || e.role == Candidate || e.role == PreCandidate {
			break
		}
	}
	for _, m := range e.Membership().Members {
		from := Peer{ID: m.ID, Incarnation: m.Incarnation}
		h.step(&Incoming{Now: h.now, From: from, Message: &RequestPreVoteResponse{Term: e.state.Term + 1, Round: e.round, Granted: true}})
	}
	h.confirmed = h.issued
	h.step(&Persisted{Now: h.now, Seq: h.issued})
	for _, m := range e.Membership().Members {
		from := Peer{ID: m.ID, Incarnation: m.Incarnation}
		h.step(&Incoming{Now: h.now, From: from, Message: &RequestVoteResponse{Term: e.state.Term, Candidate: e.cfg.Incarnation, Granted: true}})
	}
	return nil
}

func (h *fuzzHost) clientEvent() Event {
	h.nextID++
	id := ProposalID(h.nextID)
	switch h.bytes.next() % 5 {
	case 0:
		h.reads[ReadID(h.nextID)] = true
		return &ProposeRead{Now: h.now, ID: ReadID(h.nextID)}
	case 1:
		h.asked[id] = true
		return &ProposeConfigChange{Now: h.now, ID: id, Change: ConfigChange{
			Kind: ChangeKind(h.bytes.next() % 10), Target: h.peer().ID, Incarnation: Incarnation(h.bytes.next() % 3), Address: "there:1",
			Force: h.bytes.next()%2 == 0,
		}}
	case 2:
		h.asked[id] = true
		return &TransferLeadership{Now: h.now, ID: id, Target: NodeID(h.bytes.next() % 7)}
	}
	h.asked[id] = true
	return &ClientProposalBatch{Now: h.now, ID: id, Commands: make([][]byte, h.bytes.next()%4)}
}

func (h *fuzzHost) snapshotEvent() Event {
	var err error
	if h.bytes.next()%2 == 0 {
		err = errFuzz
	}
	if id, found := lowest(h.sending); found {
		delete(h.sending, id)
		return &SnapshotSendResult{Now: h.now, Transfer: id, Err: err, Unreadable: err != nil && h.bytes.next()%2 == 0}
	}
	if id, found := lowest(h.receiving); found {
		if h.bytes.next()%2 == 0 {
			return &SnapshotExpected{Now: h.now, Transfer: id, Offset: min(h.receiving[id].Size, uint64(h.bytes.next()))}
		}
		delete(h.receiving, id)
		return &SnapshotReceived{Now: h.now, Transfer: id, Err: err}
	}
	return h.ownSnapshot()
}

// lowest makes the choice among several transfers one that the bytes alone decide.
func lowest[V any](transfers map[TransferID]V) (TransferID, bool) {
	ids := slices.Sorted(maps.Keys(transfers))
	if len(ids) == 0 {
		return 0, false
	}
	return ids[0], true
}

// ownSnapshot is one of what the machine has applied, labelled as the apply stream said.
func (h *fuzzHost) ownSnapshot() Event {
	e := h.engine
	at := e.applied
	if term, known := e.log.term(at); known && at > 0 {
		c := e.log.configurationUpTo(at)
		h.nextID++
		return &SnapshotTaken{Now: h.now, Snapshot: SnapshotMeta{
			ID: 1<<40 + h.nextID, Position: Position{Term: term, Index: at},
			Membership: c.Membership, ConfigurationIndex: c.index, Size: 100, Checksum: 1,
		}}
	}
	return nil
}

var errFuzz = errors.New("something went wrong")

// peer draws who speaks: members, in the incarnation that the log names or another, and strangers.
func (h *fuzzHost) peer() Peer {
	b := h.bytes.next()
	id := NodeID(2 + b%6)
	return Peer{ID: id, Incarnation: 100 + Incarnation(id) + Incarnation(b/64%2)}
}

// term draws a term near the present, or one far away.
func (h *fuzzHost) term() Term {
	switch b := h.bytes.next(); {
	case b < 200:
		return max(1, h.engine.state.Term+Term(b%4)-1)
	case b < 250:
		return max(1, Term(b%8))
	default:
		return 1<<62 - Term(b%2)
	}
}

// index draws an index near an end of the log, or one far away.
func (h *fuzzHost) index() Index {
	b := h.bytes.next()
	near := []Index{h.engine.log.lastIndex(), h.engine.commit, h.engine.log.base.Index, h.engine.disk.durable}[b%4]
	switch {
	case b < 240:
		return near + Index(b/4%8) - min(near, 4)
	case b < 250:
		return Index(b % 8)
	}
	return 1<<62 - Index(b%2)
}

// position draws one whose term is at most limit: often one of the log.
func (h *fuzzHost) position(limit Term) Position {
	index := h.index()
	term, known := h.engine.log.term(index)
	if !known || h.bytes.next()%4 == 0 {
		term = h.term()
	}
	if term = min(term, limit); term == 0 || index == 0 {
		return Position{}
	}
	return Position{Term: term, Index: index}
}

func (h *fuzzHost) number() SendNumber {
	b := SendNumber(h.bytes.next())
	return max(b%8, h.engine.sendNumber+b%8) - min(b%8, 4)
}

// message draws one that the gateway lets pass.
func (h *fuzzHost) message() Message {
	term := h.term()
	switch h.bytes.next() % 12 {
	case 0:
		return &RequestPreVote{Term: term, Round: h.number(), Last: h.position(term - 1)}
	case 1:
		return &RequestPreVoteResponse{Term: term, Round: h.engine.round, Granted: h.bytes.next()%4 != 0}
	case 2:
		return &RequestVote{Term: term, Last: h.position(term - 1), Transfer: h.bytes.next()%4 == 0}
	case 3:
		return &RequestVoteResponse{Term: term, Granted: h.bytes.next()%4 != 0, Candidate: 101 + Incarnation(h.bytes.next()/255)}
	case 4:
		return &Heartbeat{Term: term, Number: h.number(), Commit: h.index()}
	case 5:
		return &HeartbeatResponse{Term: term, Number: h.number()}
	case 6:
		return &TimeoutNow{Term: term, Number: h.number()}
	case 7:
		return h.appendAnswer(term)
	case 8:
		if commit := h.position(term); commit.Index != 0 {
			return &Removed{Term: term, Incarnation: 101 + Incarnation(h.bytes.next()/200), Commit: commit}
		}
	case 9:
		return h.offer(term)
	case 10:
		return h.offerAnswer(term)
	}
	return h.append(term)
}

func (h *fuzzHost) append(term Term) Message {
	m := &AppendEntries{Term: term, Number: h.number(), Prev: h.position(term), Commit: h.index()}
	at := m.Prev
	for range h.bytes.next() % 4 {
		if at.Index >= 1<<62-1 {
			break
		}
		at = Position{Term: min(term, max(1, at.Term, Term(h.bytes.next()%8))), Index: at.Index + 1}
		entry := Entry{Term: at.Term, Index: at.Index, Kind: EntryCommand, Data: []byte{h.bytes.next()}}
		switch h.bytes.next() % 8 {
		case 0:
			entry.Kind, entry.Data = EntryNoOp, nil
		case 1:
			// Whatever the members are, the kind says that they change: no leader writes that they do not.
			c := Configuration{Change: ChangeAddVoter + ChangeKind(h.bytes.next()%5), Target: h.peer().ID, Membership: h.membership()}
			entry.Kind, entry.Data = EntryConfiguration, c.Encode()
		}
		m.Entries = append(m.Entries, entry)
	}
	return m
}

func (h *fuzzHost) membership() Membership {
	var members []Member
	present := h.bytes.next()
	for id := NodeID(1); id <= 7; id++ {
		if present>>id&1 == 0 {
			continue
		}
		b := h.bytes.next()
		members = append(members, Member{ID: id, Incarnation: (100 + Incarnation(id)) * Incarnation(b%2), Role: Voter + MemberRole(b/128), Address: "a:1"})
	}
	m, err := NewMembership(members...)
	require.NoError(h.t, err)
	return m
}

func (h *fuzzHost) appendAnswer(term Term) Message {
	m := &AppendEntriesResponse{Term: term, Number: h.number(), Accepted: h.bytes.next()%2 == 0}
	if m.Accepted {
		m.Match = h.index()
		return m
	}
	if m.Conflict = h.position(term); h.bytes.next()%2 == 0 {
		m.Conflict.Term = 0
	}
	return m
}

func (h *fuzzHost) offer(term Term) Message {
	m := &SnapshotOffer{Term: term, Number: h.number(), Transfer: TransferID(1 + h.bytes.next()%3), Snapshot: SnapshotMeta{
		ID: 1 + uint64(h.bytes.next()%3), Position: h.position(term), Membership: h.membership(), Size: 50, Checksum: 2,
	}}
	m.Snapshot.ConfigurationIndex = min(m.Snapshot.Position.Index, max(1, h.index()))
	if m.Snapshot.Validate() != nil {
		return &Heartbeat{Term: term, Number: m.Number}
	}
	return m
}

func (h *fuzzHost) offerAnswer(term Term) Message {
	m := &SnapshotOfferResponse{Term: term, Number: h.number(), Transfer: TransferID(1 + h.bytes.next()%3)}
	if h.offered != nil && h.bytes.next()%4 != 0 {
		m.Transfer, m.Number, m.Term = h.offered.Transfer, h.offered.Number, h.offered.Term
	}
	switch m.Verdict = SnapshotVerdict(1 + h.bytes.next()%3); m.Verdict {
	case SnapshotAccepted:
		m.Offset = uint64(h.bytes.next())
	case SnapshotHeld:
		m.Match = h.index()
	case SnapshotRefused:
	}
	return m
}

// fuzzBytes are used up one by one; after the end come zeros.
type fuzzBytes struct{ rest []byte }

func (b *fuzzBytes) empty() bool { return len(b.rest) == 0 }

func (b *fuzzBytes) next() byte {
	if len(b.rest) == 0 {
		return 0
	}
	first := b.rest[0]
	b.rest = b.rest[1:]
	return first
}
