package actors

import (
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/statemachine"
)

// A snapshot goes this way:
//
//	driver ── captureSnapshot ──▶ apply ── snapshotCaptured ──▶ driver ── buildSnapshot ──▶ snapshot
//	driver ◀── snapshotBuilt ── snapshot;   driver: SnapshotTaken to the engine, PersistSnapshot from it, the switch
//
// and one that takes the place of a state, at a start or from a leader, this way:
//
//	driver ── restoreSnapshot ──▶ apply ── snapshotRestored ──▶ driver

// Orders for the apply actor.
type (
	// captureSnapshot asks for the state as it is after what was ordered before. It is answered by snapshotCaptured.
	captureSnapshot struct{ id uint64 }
	// restoreSnapshot replaces the state by a snapshot. Who waits for an entry that it covers will not see it applied.
	restoreSnapshot struct {
		label   engine.SnapshotMeta
		store   *persistence.Snapshots
		waiters []waiter
	}
)

func (*captureSnapshot) toApply() {}
func (*restoreSnapshot) toApply() {}

// snapshotMessage is what the snapshot actor takes.
//
//sumtype:decl
type snapshotMessage interface{ toSnapshot() }

type (
	// buildSnapshot writes a captured state out. It is answered by snapshotBuilt.
	buildSnapshot struct {
		label engine.SnapshotMeta // without size and checksum
		state statemachine.Snapshot
		began engine.Instant
	}
	// sweepSnapshots removes the files of all snapshots but these. It is answered by snapshotsSwept.
	sweepSnapshots struct{ keep []uint64 }
)

func (*buildSnapshot) toSnapshot()  {}
func (*sweepSnapshots) toSnapshot() {}

// Facts about snapshots for the driver.
type (
	// snapshotCaptured answers captureSnapshot: with the state and where in the log it was captured, or an error.
	snapshotCaptured struct {
		epoch uint64
		label engine.SnapshotMeta
		state statemachine.Snapshot
		began engine.Instant
		err   error
	}
	// snapshotBuilt answers buildSnapshot: the snapshot is complete, synced and has its name, or there is none.
	snapshotBuilt struct {
		epoch uint64
		label engine.SnapshotMeta
		took  time.Duration // since it began to be captured
		err   error
	}
	// snapshotRestored answers restoreSnapshot. What fails is an applyFailed.
	snapshotRestored struct {
		epoch uint64
		label engine.SnapshotMeta
	}
	// snapshotsSwept answers sweepSnapshots. Left says how many files are still to go.
	snapshotsSwept struct {
		epoch uint64
		left  int
		err   error
	}
)

func (*snapshotCaptured) toDriver() {}
func (*snapshotBuilt) toDriver()    {}
func (*snapshotRestored) toDriver() {}
func (*snapshotsSwept) toDriver()   {}
