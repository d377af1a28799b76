package persistence_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/persistence/storagetest"
)

// world is all that a directory holds: the cluster that it belongs to, and the state of every group. A world without
// groups is a directory without a state.
type world struct {
	cluster engine.ClusterID
	groups  []storagetest.Model
}

// newborn returns what Create makes of a hard state and first entries. The other groups are empty as yet.
func newborn(cluster engine.ClusterID, groups int, first []engine.Entry) world {
	w := world{cluster: cluster, groups: make([]storagetest.Model, groups)}
	for i := range w.groups {
		w.groups[i].Group = persistence.Group(i)
	}
	w.groups[0].State = persistence.Recovered{HardState: at(1), Entries: first}
	return w
}

func (w world) absent() bool { return len(w.groups) == 0 }

func (w world) clone() world {
	w.groups = slices.Clone(w.groups)
	for i := range w.groups {
		w.groups[i] = w.groups[i].Clone()
	}
	return w
}

// pinned returns the same world with another cluster id.
func (w world) pinned(cluster engine.ClusterID) world {
	w.cluster = cluster
	return w
}

// shownBy reports whether what was recovered is this world.
func (w world) shownBy(cluster engine.ClusterID, groups []persistence.Recovered) bool {
	return w.cluster == cluster && slices.EqualFunc(w.groups, groups, func(m storagetest.Model, r persistence.Recovered) bool {
		return sameState(m.State, r)
	})
}

// String tells the positions and leaves the data out.
func (w world) String() string {
	if w.absent() {
		return "no state"
	}
	states := make([]persistence.Recovered, len(w.groups))
	for i := range w.groups {
		states[i] = w.groups[i].State
	}
	return describe(w.cluster, states)
}

func describe(cluster engine.ClusterID, groups []persistence.Recovered) string {
	var text bytes.Buffer
	fmt.Fprintf(&text, "cluster %v", cluster)
	for i, g := range groups {
		fmt.Fprintf(&text, "\n  group %d: term %d, vote %v, base %v, commit %d, snapshot %d of %v, entries",
			i, g.HardState.Term, g.HardState.Vote, g.Base, g.Commit, g.Snapshot.ID, g.Snapshot.Position)
		for _, e := range g.Entries {
			fmt.Fprintf(&text, " %v(%d)", e.Position(), len(e.Data))
		}
	}
	return text.String()
}

// What a batch may do, for those who count.
const (
	appends     = "append"
	replaces    = "replacement"
	states      = "hard state"
	switchKeeps = "switch that keeps the log"
	switchDrops = "switch that drops the log"
)

// batch draws a legal batch, and returns the world after it and what is in it.
func (w world) batch(random *rand.Rand) (*persistence.Batch, world, []string) {
	b, next := &persistence.Batch{}, w.clone()
	var does []string
	for range 1 + random.IntN(3) {
		m := &next.groups[random.IntN(len(next.groups))]
		before := m.State
		if before.HardState.Term == 0 {
			m.State.HardState = at(1)
			b.SetHardState(m.Group, at(1))
		}
		m.Step(random, b)
		does = append(does, doesTo(before, m)...)
	}
	return b, next, does
}

// doesTo tells what a step made of a group's state.
func doesTo(before persistence.Recovered, m *storagetest.Model) []string {
	after := m.State
	was := storagetest.Model{State: before}
	switch {
	case before.Snapshot != after.Snapshot && after.Snapshot.Position.Index > was.Last():
		return []string{switchDrops}
	case before.Snapshot != after.Snapshot:
		return []string{switchKeeps}
	}
	var does []string
	if before.HardState != after.HardState {
		does = append(does, states)
	}
	if n := len(before.Entries); n > 0 && (len(after.Entries) < n || after.Entries[n-1].Term != before.Entries[n-1].Term) {
		does = append(does, replaces)
	} else if len(after.Entries) > n {
		does = append(does, appends)
	}
	return does
}

// repeated is a batch as it comes when a lost one is tried again: the same command at the same place, in another term.
// Torn, it may be completed by sectors of an earlier attempt.
func (w world) repeated(random *rand.Rand) (*persistence.Batch, world, []string) {
	b, next := &persistence.Batch{}, w.clone()
	m := &next.groups[0]
	m.State.HardState = at(m.State.HardState.Term + 1 + engine.Term(random.IntN(100)))
	e := again(m.State.HardState.Term, m.Last()+1)
	m.State.Entries = append(m.State.Entries, e)
	b.SetHardState(0, m.State.HardState)
	b.Append(0, []engine.Entry{e})
	return b, next, []string{states, appends}
}

// compacted is a batch that switches every group to a snapshot of all that it has, and keeps up to two entries below.
// After it the log needs hardly any segment but the newest.
func (w world) compacted(random *rand.Rand) (*persistence.Batch, world, []string) {
	b, next := &persistence.Batch{}, w.clone()
	for i := range next.groups {
		m := &next.groups[i]
		n := len(m.State.Entries)
		if n == 0 {
			continue
		}
		kept := min(n-1, random.IntN(3))
		to := persistence.SnapshotSwitch{
			ID: m.State.Snapshot.ID + 1, Keep: true,
			Position: m.State.Entries[n-1].Position(), Base: m.State.Entries[n-1-kept].Position(),
		}
		b.SetSnapshot(m.Group, to)
		m.State.Entries = m.State.Entries[n-kept:]
		m.State.Base, m.State.Commit = to.Base, to.Position.Index
		m.State.Snapshot = persistence.SnapshotName{ID: to.ID, Position: to.Position}
	}
	return b, next, []string{switchKeeps}
}

// installed is a batch that switches a group to a snapshot from elsewhere, of more than its log has, which goes.
func (w world) installed(random *rand.Rand) (*persistence.Batch, world, []string) {
	b, next := &persistence.Batch{}, w.clone()
	m := &next.groups[random.IntN(len(next.groups))]
	m.State.HardState = at(m.State.HardState.Term + 1)
	to := persistence.SnapshotSwitch{ID: m.State.Snapshot.ID + 1}
	to.Position = position(m.State.HardState.Term, m.Last()+1+engine.Index(random.IntN(20)))
	to.Base = to.Position
	b.SetHardState(m.Group, m.State.HardState)
	b.SetSnapshot(m.Group, to)
	m.State = persistence.Recovered{
		HardState: m.State.HardState, Base: to.Base, Commit: to.Position.Index,
		Snapshot: persistence.SnapshotName{ID: to.ID, Position: to.Position},
	}
	return b, next, []string{states, switchDrops}
}

// large is a batch with one entry of that many bytes.
func (w world) large(size int) (*persistence.Batch, world, []string) {
	b, next := &persistence.Batch{}, w.clone()
	m := &next.groups[0]
	entries := commands(m.State.HardState.Term, m.Last()+1, 1, size)
	m.State.Entries = append(m.State.Entries, entries...)
	b.Append(0, entries)
	return b, next, []string{appends}
}
