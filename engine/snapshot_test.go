package engine

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// label returns what a host would say of a snapshot that the engine's own machine has at an index.
func (a *alone) label(id uint64, index Index) SnapshotMeta {
	c := a.log.configurationUpTo(index)
	return SnapshotMeta{ID: id, Position: a.log.position(index), Membership: c.Membership, ConfigurationIndex: c.index, Size: 100}
}

// applied makes the machine apply everything that was handed out.
func (a *alone) applyAll() {
	a.t.Helper()
	a.step(&Applied{Now: a.clock, Index: a.handed})
}

// settled is a leader of three with entries up to 2/9 committed and applied.
func settled(t *testing.T, change func(*Config)) *alone {
	t.Helper()
	a := leading(t, func(cfg *Config) {
		cfg.TrailingLogEntries = 0
		if change != nil {
			change(cfg)
		}
	})
	for range 6 {
		a.propose("x")
	}
	a.sync()
	a.accept(2, 9)
	a.accept(3, 9)
	a.applyAll()
	require.Equal(t, Index(9), a.applied)
	return a
}

func TestSnapshotLetsTheLogGo(t *testing.T) {
	a := settled(t, nil)
	actions := a.step(&SnapshotTaken{Snapshot: a.label(7, 8)})
	persist := pick[*PersistSnapshot](actions)
	require.Len(t, persist, 1)
	require.Equal(t, PersistSnapshot{Seq: a.writes, Snapshot: a.snapshot, Base: Position{Term: 2, Index: 8}, Keep: true}, *persist[0])
	require.Equal(t, Position{Term: 2, Index: 8}, a.Status().Base)
	require.Equal(t, Position{Term: 2, Index: 8}, a.Status().Snapshot)
	require.Equal(t, Index(9), a.Status().Durable, "what stays is as durable as before")
	require.Equal(t, []NodeID{1, 2, 3}, a.Membership().Voters(), "the members are still known")
	require.Equal(t, []uint64{7}, a.SnapshotsInUse())
}

func TestDroppedEntriesAreReleased(t *testing.T) {
	a := settled(t, nil)
	dropped, kept := weak.Make(&a.log.at(a.log.base.Index + 4).Data[0]), weak.Make(&a.log.at(a.log.base.Index + 9).Data[0])
	a.step(&SnapshotTaken{Snapshot: a.label(7, 8)})
	a.last = nil
	a.tick(1)
	runtime.GC()
	require.Nil(t, dropped.Value(), "nobody holds what was let go")
	require.NotNil(t, kept.Value())
	require.Equal(t, Index(9), a.log.lastIndex())
}

func TestTrailingLogIsBoundedByEntriesAndBytes(t *testing.T) {
	size := Entry{Data: []byte("x")}.Size()
	cases := []struct {
		name           string
		entries, bytes int
		want           Index
	}{
		{"no trailing log", 0, 1000, 8},
		{"entries", 3, 1000, 5},
		{"bytes", 3, 2*size + 1, 6},
		{"bytes to the byte", 3, 3 * size, 5},
		{"more than there is", 100, 1000, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := settled(t, func(cfg *Config) { cfg.TrailingLogEntries, cfg.TrailingLogBytes = c.entries, c.bytes })
			a.step(&SnapshotTaken{Snapshot: a.label(7, 8)})
			require.Equal(t, c.want, a.Status().Base.Index)
		})
	}
}

func TestAnOlderSnapshotIsDiscarded(t *testing.T) {
	a := settled(t, nil)
	older, same := a.label(6, 5), a.label(8, 8)
	a.step(&SnapshotTaken{Snapshot: a.label(7, 8)})
	for _, s := range []SnapshotMeta{older, same} {
		actions := a.step(&SnapshotTaken{Snapshot: s})
		require.Equal(t, []Action{&DiscardSnapshot{ID: s.ID}}, actions)
	}
	require.Equal(t, []uint64{7}, a.SnapshotsInUse())
}

func TestALabelThatContradictsTheLogStopsTheNode(t *testing.T) {
	cases := map[string]func(*SnapshotMeta){
		"nothing beyond 9 was handed out":      func(s *SnapshotMeta) { s.Position.Index = 10 },
		"the entry there is of term 2":         func(s *SnapshotMeta) { s.Position.Term = 1 },
		"the label says {n1 n2 n3} of index 1": func(s *SnapshotMeta) { s.ConfigurationIndex = 1 },
		"the label says {n1 | n2} of index 2": func(s *SnapshotMeta) {
			s.Membership, _ = NewMembership(Member{ID: 1, Role: Voter}, Member{ID: 2, Role: Learner})
		},
		"invalid snapshot label: no id":         func(s *SnapshotMeta) { s.ID = 0 },
		"with 0 members":                        func(s *SnapshotMeta) { s.Membership = Membership{} },
		"with a configuration of index 9":       func(s *SnapshotMeta) { s.ConfigurationIndex = 9 },
		"invalid snapshot label: 7 at 0/8":      func(s *SnapshotMeta) { s.Position.Term = 0 },
		"invalid membership: member without an": func(s *SnapshotMeta) { s.Membership = Membership{Members: []Member{{}}} },
	}
	for reason, damage := range cases {
		t.Run(reason, func(t *testing.T) {
			a := settled(t, nil)
			a.propose("not committed")
			s := a.label(7, 8)
			damage(&s)
			fatal := pick[*Fatal](a.step(&SnapshotTaken{Snapshot: s}))
			require.Len(t, fatal, 1)
			require.ErrorIs(t, fatal[0].Err, ErrSnapshotLabel)
			require.ErrorContains(t, fatal[0].Err, reason)
		})
	}
}

// The label says what was in force at its position, whatever came behind it.
func TestALabelNamesTheMembershipAtItsPosition(t *testing.T) {
	a := settled(t, nil)
	last := a.log.lastIndex()
	a.step(&ProposeConfigChange{ID: 1, Change: ConfigChange{Kind: ChangeUpdateAddress, Target: 2, Address: "elsewhere:1"}})
	require.Equal(t, last+1, a.log.configuration().index)
	label := a.label(7, last)
	require.Equal(t, Index(2), label.ConfigurationIndex)
	require.Len(t, pick[*PersistSnapshot](a.step(&SnapshotTaken{Snapshot: label})), 1)
	require.Equal(t, last+1, a.log.configuration().index)
}

// A log that ends with the founders' entry is that of a founder that no leader has met, so no snapshot makes one.
func TestASnapshotOfTheFoundersEntryAloneIsOfNoUse(t *testing.T) {
	a := settled(t, nil)
	label := a.label(7, 1)
	actions := a.step(&SnapshotTaken{Snapshot: label})
	require.Empty(t, pick[*PersistSnapshot](actions))
	require.Equal(t, []*DiscardSnapshot{{ID: 7}}, pick[*DiscardSnapshot](actions))
	require.Zero(t, a.log.base)

	joiner := newAlone(t, aloneOptions{raw: &Recovered{}})
	require.Empty(t, pick[*ReceiveSnapshot](joiner.receive(2, &SnapshotOffer{Term: 2, Number: 1, Transfer: 1, Snapshot: label})))
	require.Zero(t, joiner.log.last())
}

// A capture proves that its entries are applied, whichever of the two the engine hears of first.
func TestASnapshotProvesThatItsEntriesAreApplied(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.TrailingLogEntries = 0 })
	a.propose("x")
	a.sync()
	a.accept(2, 4)
	require.Equal(t, Index(4), a.handed)
	a.step(&SnapshotTaken{Snapshot: a.label(7, 4)})
	require.Equal(t, Index(4), a.Status().Applied)
}

// A file may go only when nothing needs it: neither a restart, with or without the switches under way, nor a follower.
func TestSnapshotsInUse(t *testing.T) {
	a := settled(t, nil)
	a.step(&SnapshotTaken{Snapshot: a.label(5, 5)})
	a.sync()
	a.step(&SnapshotTaken{Snapshot: a.label(6, 6)})
	require.Equal(t, []uint64{5, 6}, a.SnapshotsInUse(), "a crash now would start from the first")
	a.step(&SnapshotTaken{Snapshot: a.label(7, 7)})
	require.Equal(t, []uint64{5, 6, 7}, a.SnapshotsInUse(), "or from the second")
	a.step(&Persisted{Seq: a.writes - 1})
	require.Equal(t, []uint64{6, 7}, a.SnapshotsInUse())
	a.sync()
	require.Equal(t, []uint64{7}, a.SnapshotsInUse())
}

func TestHintsComeOnceALevel(t *testing.T) {
	size := Entry{Data: []byte("x")}.Size()
	cases := []struct {
		name   string
		change func(*Config)
		reason HintReason
		want   []Index // of the applied index at the hints
	}{
		{"applied entries", func(cfg *Config) { cfg.SnapshotHintEntries = 5 }, HintApplied, []Index{8, 13, 18}},
		{"more than so many live entries", func(cfg *Config) { cfg.MaxLogEntries = 5 }, HintLiveEntries, []Index{8, 13}},
		{"live bytes", func(cfg *Config) { cfg.SnapshotHintBytes = 5 * size }, HintLiveBytes, []Index{7, 12, 17}},
		{"off", func(*Config) {}, 0, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := leading(t, func(cfg *Config) {
				cfg.SnapshotHintEntries, cfg.SnapshotHintBytes, cfg.MaxLogEntries = 0, 0, 0
				c.change(cfg)
			})
			a.applyAll()
			a.step(&SnapshotTaken{Snapshot: a.label(7, 3)})
			var at []Index
			for index := Index(4); index <= 18; index++ {
				actions := a.propose("x")
				a.sync()
				a.accept(2, index)
				actions = append(actions, a.step(&Applied{Index: index})...)
				for _, hint := range pick[*SnapshotHint](actions) {
					require.Equal(t, c.reason, hint.Reason)
					at = append(at, hint.Applied)
				}
			}
			require.Equal(t, c.want, at)
		})
	}
}

// Levels that are crossed in one step, by one limit or by several, make one hint.
func TestOneStepHintsOnce(t *testing.T) {
	a := leading(t, func(cfg *Config) { cfg.SnapshotHintEntries, cfg.MaxLogEntries, cfg.SnapshotHintBytes = 5, 5, 100 })
	a.applyAll()
	for range 20 {
		a.propose("x")
	}
	a.sync()
	a.accept(2, 23)
	a.applyAll()
	require.Equal(t, []*SnapshotHint{{Reason: HintApplied, Applied: 23}}, pick[*SnapshotHint](a.last))
	a.propose("x")
	a.sync()
	a.accept(2, 24)
	a.applyAll()
	require.Empty(t, pick[*SnapshotHint](a.last), "every level moved on")
	a.step(&SnapshotTaken{Snapshot: a.label(7, 10)})
	require.Len(t, pick[*SnapshotHint](a.last), 1, "and counts anew from the snapshot, which is old already")
}

func TestMembershipEncoding(t *testing.T) {
	m, err := NewMembership(Member{ID: 1, Incarnation: 9, Role: Voter, Address: "a:1"}, Member{ID: 300, Role: Learner})
	require.NoError(t, err)
	decoded, err := DecodeMembership(m.Encode())
	require.NoError(t, err)
	require.Equal(t, m, decoded)
	for name, data := range map[string][]byte{
		"nothing":           nil,
		"another version":   append([]byte{2}, m.Encode()[1:]...),
		"cut":               m.Encode()[:len(m.Encode())-1],
		"more than that":    append(m.Encode(), 0),
		"not the one form":  {configurationVersion, 0x80, 0},
		"too many":          {configurationVersion, 0xff, 0xff, 0x7f},
		"an unknown member": {configurationVersion, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0},
	} {
		_, err := DecodeMembership(data)
		require.ErrorIs(t, err, ErrInvalidMembership, name)
	}
}

// TestLogAgainstASlice compares the log with a plain slice of all that was ever appended and not removed, while it grows,
// is truncated and compacted. What was handed out stays as it was.
func TestLogAgainstASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, model, base := log{}, []Entry(nil), Index(0)
		term := Term(1)
		var handed, copies [][]Entry
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			term += Term(rapid.IntRange(0, 1).Draw(t, "later"))
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0:
				entries := entriesOf(l.lastIndex()+1, make([]Term, rapid.IntRange(1, 90).Draw(t, "count"))...)
				for i := range entries {
					entries[i].Term = term
				}
				l.append(entries...)
				model = append(model, entries...)
			case 1:
				if l.lastIndex() > base {
					first := Index(rapid.Uint64Range(uint64(base)+1, uint64(l.lastIndex())).Draw(t, "first"))
					l.truncate(first)
					model = model[:first-1]
				}
			case 2:
				base = Index(rapid.Uint64Range(uint64(base), uint64(l.lastIndex())).Draw(t, "base"))
				l.compact(base)
			case 3:
				slice := l.slice(base+1, l.lastIndex())
				handed, copies = append(handed, slice), append(copies, append([]Entry{}, slice...))
			}
			requireLog(t, &l, model, base)
		}
		for i := range handed {
			require.Equal(t, copies[i], append([]Entry{}, handed[i]...))
		}
	})
}

func requireLog(t *rapid.T, l *log, model []Entry, base Index) {
	require.Equal(t, Index(len(model)), l.lastIndex())
	require.Equal(t, base, l.base.Index)
	require.Equal(t, append([]Entry{}, model[base:]...), append([]Entry{}, l.all()...))
	for index := Index(0); index <= l.lastIndex()+1; index++ {
		term, known := l.term(index)
		require.Equal(t, index >= base && index <= l.lastIndex(), known)
		if known && index > 0 {
			require.Equal(t, model[index-1].Term, term)
		}
	}
	limit := Term(0)
	if len(model) > 0 {
		limit = model[len(model)-1].Term
	}
	for term := Term(1); term <= limit+1; term++ {
		first := l.lastIndex() + 1
		for index := l.lastIndex(); index > base && model[index-1].Term >= term; index-- {
			first = index
		}
		require.Equal(t, first, l.firstOfTerm(term))
	}
}

func TestCompactionKeepsTheConfigurationInForce(t *testing.T) {
	l := logOf(Position{}, 1, 1, 1, 1, 1, 1)
	for _, index := range []Index{1, 3, 6} {
		l.register([]configurationAt{{index: index}})
	}
	l.compact(2)
	require.Equal(t, Index(1), l.configurationUpTo(2).index)
	l.compact(5)
	require.Equal(t, Index(3), l.configurationUpTo(5).index)
	require.Equal(t, Index(3), l.previousConfiguration().index)
	l.truncate(6)
	require.Equal(t, Index(3), l.configuration().index, "that of the base is never rolled back")
	l.compact(5)
	require.Len(t, l.configurations, 1)
}
