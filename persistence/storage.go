package persistence

import (
	"github.com/yggr-go/yggr/engine"
)

// Group numbers the Raft groups that share one log. Group zero is the first; one log will serve many.
type Group uint64

// Identity says whose data a directory holds. It is written when the directory is made and checked whenever it
// is opened.
type Identity struct {
	Cluster     engine.ClusterID
	Node        engine.NodeID
	Incarnation engine.Incarnation // not zero; drawn when the directory is made
}

// Opener stands for a place that holds the data of one node, a directory for example. Nothing is held open
// until Create or Open. An Opener may be used again after the Storage it gave was closed.
type Opener interface {
	// Exists reports whether the place holds the state of a node, intact or not.
	Exists() (bool, error)
	// Create makes the state of a new node and opens it: its identity and, where first is not empty, its first
	// entries and hard state, all durable on return. It refuses a place that is not empty with [ErrNotEmpty].
	// A crash inside Create leaves a place that is either empty for Exists and Create, or complete.
	Create(id Identity, state engine.HardState, first []engine.Entry) (Storage, error)
	// Open opens existing state. Want names the cluster and node that the caller expects; its Incarnation is
	// ignored. The errors are [ErrNoState], [ErrForeign], [ErrNewerFormat], [ErrLocked], [ErrCorrupt] and
	// [ErrPoisoned], or what the file system said.
	Open(want Identity) (Storage, error)
	// String names the place, for messages.
	String() string
}

// Storage is the opened state of one node: the log and hard state of every group.
//
// A Storage is used by one goroutine at a time, except for Metrics and NearlyFull, which may be called by any.
type Storage interface {
	Identity() Identity
	// PinCluster records the full cluster id durably, for a joiner that learned it at first contact. It refuses
	// to change a pinned id with [ErrForeign].
	PinCluster(id engine.ClusterID) error
	// Recovered returns what Open or Create found for the group; all of it is durable. It gives its entries
	// away: call it once a group.
	Recovered(group Group) Recovered
	// Write makes every record of the batch durable with one sync, in order. When it returns nil, all is
	// durable. When it fails the storage is dead: nothing of the batch may be relied on, and every later Write
	// returns the same error, which wraps [ErrPoisoned] if a sync may have failed. A batch that contradicts what is
	// stored is refused with [ErrInvalidBatch]; that too ends the storage.
	//
	// A batch without records is for a log that has been idle for a tick: it proves that the last batch was durable,
	// so that later damage to it is known as damage and does not pass for a write that a crash cut short, and it frees
	// what is not needed any more. Where nothing needs that it writes nothing, so it may be called at every tick.
	Write(batch *Batch) error
	Metrics() Metrics
	// NearlyFull reports whether room for more is running out, and costs next to nothing. What is written all the same
	// is still made durable, until there is no room at all, and then Write fails for good. So who may refuse work should
	// do that now, take a snapshot, and keep writing empty batches at every tick, with which room is freed and looked
	// for again. It is some way below the mark and above it that the answer changes, not at every batch.
	NearlyFull() bool
	// Close writes nothing that was promised (all of that is durable already), marks the log as cleanly closed
	// where it can, and unlocks.
	Close() error
}

// Recovered is the durable state of one group.
type Recovered struct {
	HardState engine.HardState
	Base      engine.Position // the log begins right after it
	Entries   []engine.Entry  // consecutive from Base.Index+1
	Commit    engine.Index    // known to be committed; may lag
	Snapshot  SnapshotName    // that the last switch named; zero before the first
}

// SnapshotName names a snapshot. The snapshot itself lies elsewhere: a storage keeps its name, and that is what counts.
type SnapshotName struct {
	ID       uint64          // not zero; one id is never used for two positions
	Position engine.Position // of the last entry that the snapshot covers
}

// SnapshotSwitch makes a snapshot the one that a restart begins with, and cuts the log to match. It happens whole or
// not at all.
type SnapshotSwitch struct {
	ID       uint64          // of a snapshot that is complete and durable, not zero
	Position engine.Position // of the last entry that it covers
	// Base is where the log begins from now on, right after it. It is at or below Position, by as much as is kept of
	// the log for followers that are a little behind.
	Base engine.Position
	// Keep says that the entries above Base stay: the log holds the snapshot's last entry, with its term. Otherwise the
	// whole log goes and begins anew after the snapshot, so Base is Position.
	Keep bool
}

// Metrics counts what a storage did since it was opened. All but Room only rise.
type Metrics struct {
	Batches uint64 // batches written for callers
	Records uint64 // records in them
	Bytes   uint64 // bytes written for any purpose, padding included
	Syncs   uint64 // file syncs, all kinds

	Freed    uint64 // segments that the log gave up because no group needed them any more
	Recycled uint64 // segments that were begun in the file of a freed one

	Room int64 // bytes that there was room for when it was last looked for; zero where that cannot be told
}

// Batch collects records that become durable together. The zero value is an empty batch. Reset makes it
// reusable. It keeps the entries that it is given and does not change them.
type Batch struct {
	records []record
}

type recordKind uint8

const (
	recordEntries   recordKind = 1
	recordHardState recordKind = 2
	recordCommit    recordKind = 3
	recordSnapshot  recordKind = 5
)

type record struct {
	kind    recordKind
	group   Group
	entries []engine.Entry
	state   engine.HardState
	commit  engine.Index
	to      SnapshotSwitch
}

// Append adds entries, at least one and consecutive: they replace the group's log from entries[0].Index on.
// Entries that a recorded commit index covers cannot be replaced.
func (b *Batch) Append(group Group, entries []engine.Entry) {
	b.records = append(b.records, record{kind: recordEntries, group: group, entries: entries})
}

// SetHardState adds a hard state. Its term never falls, and a vote once given in a term stays, incarnation included.
func (b *Batch) SetHardState(group Group, state engine.HardState) {
	b.records = append(b.records, record{kind: recordHardState, group: group, state: state})
}

// SetCommit adds the group's commit index; one below an earlier one changes nothing. It is a hint for the next start
// and never worth a sync of its own: a batch that holds nothing else is not written by callers.
//
// It speaks of the entries recorded so far, in this batch or an earlier one. An index that was committed by entries
// still waiting in a queue must not be added: after a crash it would call the entries that those replace committed.
func (b *Batch) SetCommit(group Group, commit engine.Index) {
	b.records = append(b.records, record{kind: recordCommit, group: group, commit: commit})
}

// SetSnapshot switches the group to a snapshot, in order with the other records. The commit index becomes at least the
// snapshot's. Neither snapshot nor base may go back; a switch that keeps the log must find the entries at Position and
// Base in it, with these terms; one that drops it must not drop what a recorded commit index covers. The same snapshot
// may be named again with a higher base.
//
// The snapshot must be durable before the batch is written. Files that no group names any more may be removed once
// Write has returned.
func (b *Batch) SetSnapshot(group Group, to SnapshotSwitch) {
	b.records = append(b.records, record{kind: recordSnapshot, group: group, to: to})
}

// Recorder takes records one by one. A [*Batch] is one; a storage of your own has another, to read batches with.
type Recorder interface {
	Append(group Group, entries []engine.Entry)
	SetHardState(group Group, state engine.HardState)
	SetCommit(group Group, commit engine.Index)
	SetSnapshot(group Group, to SnapshotSwitch)
}

var _ Recorder = (*Batch)(nil)

// Replay gives every record of the batch to another recorder, in order. Entries are shared, so they are not to be changed.
func (b *Batch) Replay(to Recorder) {
	for i := range b.records {
		switch r := &b.records[i]; r.kind {
		case recordEntries:
			to.Append(r.group, r.entries)
		case recordHardState:
			to.SetHardState(r.group, r.state)
		case recordSnapshot:
			to.SetSnapshot(r.group, r.to)
		default: // a commit: callers make no other kinds
			to.SetCommit(r.group, r.commit)
		}
	}
}

// Len returns the number of records.
func (b *Batch) Len() int { return len(b.records) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.records)
	b.records = b.records[:0]
}
