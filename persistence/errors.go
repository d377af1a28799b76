package persistence

import "errors"

// What opening can refuse. Each is wrapped with the place and the facts.
var (
	// ErrNoState: there is nothing to recover here. The node was never created, or the path is wrong.
	ErrNoState = errors.New("persistence: no state")
	// ErrNotEmpty: the place already holds something; a new node needs an empty one.
	ErrNotEmpty = errors.New("persistence: not empty")
	// ErrForeign: the state belongs to another cluster or another node.
	ErrForeign = errors.New("persistence: state of another node or cluster")
	// ErrNewerFormat: a newer version of this library wrote the state.
	ErrNewerFormat = errors.New("persistence: newer format")
	// ErrLocked: another process has it open.
	ErrLocked = errors.New("persistence: locked")
	// ErrCorrupt: durable data is damaged. Nothing was changed; the node must not start from it.
	ErrCorrupt = errors.New("persistence: corrupt")
)

// What writing can fail with.
var (
	// ErrPoisoned: a write or sync failed earlier, so the kernel may have dropped data without telling again. The
	// same place is not opened again in this process; a new process recovers everything that was acknowledged.
	ErrPoisoned = errors.New("persistence: poisoned by a failed write or sync")
	// ErrInvalidBatch: the batch contradicts what is stored (a gap, a term that falls, a second vote in one term, a
	// commit index beyond the log, a snapshot that goes back), or is too large. It is a bug of the caller. Nothing of the batch was written.
	ErrInvalidBatch = errors.New("persistence: invalid batch")
	// ErrClosed: the storage was closed.
	ErrClosed = errors.New("persistence: closed")
)
