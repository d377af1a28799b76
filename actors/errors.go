package actors

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

// Certainly not applied, now and later: a retry cannot apply the command twice.
var (
	// ErrNoLeader: no leader is known. Back off and retry.
	ErrNoLeader = errors.New("actors: no leader known")
	// ErrBusy: a bound is reached: Config.MaxPendingProposals, 256 MiB of commands that are not answered yet, or
	// Config.MaxPendingReads. Back off and retry.
	ErrBusy = errors.New("actors: busy")
	// ErrDiskNearlyFull: the leader's storage has little room left, and a disk that is full ends the node. It is an
	// [ErrBusy]. Make room; what is on its way already is not affected.
	ErrDiskNearlyFull = fmt.Errorf("%w: disk is nearly full", ErrBusy)
	// ErrShutdown: the node is stopping and did not accept the command. Stop calling this node.
	ErrShutdown = errors.New("actors: shut down")
	// ErrNotLeader is the kind of every [NotLeaderError].
	ErrNotLeader = errors.New("actors: not the leader")
	// ErrBadCommand: the codec does not accept the command. Nothing was appended.
	ErrBadCommand = errors.New("actors: bad command")
	// ErrRejected: another leader's entry was applied in the command's place. Retrying is safe.
	ErrRejected = errors.New("actors: rejected")
	// ErrTooLarge: the command is larger than Config.MaxCommandBytes, or a batch has more commands than
	// Config.MaxPendingProposals or more than 64 MiB. Retrying does not help.
	ErrTooLarge = errors.New("actors: command too large")
)

// NotLeaderError says that this node follows another. The command was not applied; go to Leader.
type NotLeaderError struct {
	Leader  engine.NodeID
	Address string // of the leader's transport, as the membership names it
}

func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("%v: leader is %v at %q", ErrNotLeader, e.Leader, e.Address)
}

// Is makes errors.Is(err, ErrNotLeader) true.
func (e *NotLeaderError) Is(target error) bool { return target == ErrNotLeader }

// ErrNotReady says that the leader has not committed an entry of its own term yet, which takes a round trip after an
// election. No read is served and no membership is changed before that. Retry in a moment.
var ErrNotReady = errors.New("actors: leader not ready")

// Reads that are not served. They leave no trace, so each may be asked again; beside these, reads get ErrNotReady, ErrNoLeader,
// NotLeaderError, ErrBusy, ErrShutdown, ErrDriverDead and FatalError.
var (
	// ErrSteppedDown: leadership ended, or the raft actor was restarted, before the read could be served. Retry, at
	// whoever leads.
	ErrSteppedDown = errors.New("actors: stepped down")
	// ErrReadPanic is the kind of every [ReadPanicError].
	ErrReadPanic = errors.New("actors: read panicked")
)

// ReadPanicError says that the function of a read panicked. Nothing else came to harm.
type ReadPanicError struct {
	Value any    // what it panicked with
	Stack []byte // where
}

func (e *ReadPanicError) Error() string { return fmt.Sprintf("%v: %v", ErrReadPanic, e.Value) }

// Is makes errors.Is(err, ErrReadPanic) true.
func (e *ReadPanicError) Is(target error) bool { return target == ErrReadPanic }

// Changes of the membership that the leader refused. Nothing was changed.
var (
	// ErrChangeInProgress: the change before is not committed yet. Wait.
	ErrChangeInProgress = errors.New("actors: membership change in progress")
	// ErrUnknownNode: the target is no member.
	ErrUnknownNode = errors.New("actors: unknown node")
	// ErrAlreadyVoter: the node to add is a voter.
	ErrAlreadyVoter = errors.New("actors: already a voter")
	// ErrAlreadyLearner: the node to add or to demote is a learner.
	ErrAlreadyLearner = errors.New("actors: already a learner")
	// ErrNotLearner: the node to promote is a voter.
	ErrNotLearner = errors.New("actors: not a learner")
	// ErrInvalidTargetMembership: no cluster may look like that: without a voter, with a member that has no id or no
	// address that can be used, or with more than engine.MaxMembers members.
	ErrInvalidTargetMembership = errors.New("actors: invalid target membership")
	// ErrNotReached: the leader has not met the node that is to become a voter. Start it and let the two meet, or add it
	// as a learner first.
	ErrNotReached = errors.New("actors: node not reached")
	// ErrTooFarBehind: the learner to promote lacks more than a few messages' worth of the log. Wait, or use [Force].
	ErrTooFarBehind = errors.New("actors: learner too far behind")
)

// Transfers of leadership that did not make the target leader.
var (
	// ErrInvalidTarget: the target is the leader itself or no voter that can lead, or no voter answers where any would do.
	// Nothing was begun.
	ErrInvalidTarget = errors.New("actors: invalid transfer target")
	// ErrTransferAborted: somebody else leads, or the node ended. Look who leads.
	ErrTransferAborted = errors.New("actors: transfer aborted")
	// ErrTransferTimedOut: an election timeout has passed. The old leader goes on if no other was elected; the target may
	// yet campaign.
	ErrTransferTimedOut = errors.New("actors: transfer timed out")
)

// Snapshots that were not taken. Nothing else came to harm.
var (
	// ErrSnapshotsUnsupported: the state machine is no statemachine.Snapshotter, or the storage no
	// persistence.SnapshotKeeper. A node that has to be restored from a snapshot all the same fails with it.
	ErrSnapshotsUnsupported = errors.New("actors: snapshots are not supported")
	// ErrSnapshotInProgress: another snapshot is being taken. It is an [ErrBusy].
	ErrSnapshotInProgress = fmt.Errorf("%w: a snapshot is in progress", ErrBusy)
	// ErrSnapshotFailed is the kind of every [SnapshotFailedError].
	ErrSnapshotFailed = errors.New("actors: snapshot failed")
)

// SnapshotFailedError says that a snapshot could not be captured or written. The node keeps its log and goes on.
type SnapshotFailedError struct {
	Err error // of the machine or of the storage
}

func (e *SnapshotFailedError) Error() string { return fmt.Sprintf("%v: %v", ErrSnapshotFailed, e.Err) }

// Is makes errors.Is(err, ErrSnapshotFailed) true.
func (e *SnapshotFailedError) Is(target error) bool { return target == ErrSnapshotFailed }

// Unwrap returns the cause.
func (e *SnapshotFailedError) Unwrap() error { return e.Err }

// Accepted, and then something ended: the command may have been applied, may yet be, or never will.
var (
	// ErrOutcomeUnknown is the kind of every [OutcomeUnknownError].
	ErrOutcomeUnknown = errors.New("actors: outcome unknown")
)

// OutcomeUnknownError says that a command was accepted and that its end was not seen. Retry only what is
// idempotent.
type OutcomeUnknownError struct {
	Index engine.Index // where the command was appended; zero when that is not known
	Term  engine.Term
	Cause error // leadership, node or context ended
}

func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("%v: %v: %v", ErrOutcomeUnknown, engine.Position{Term: e.Term, Index: e.Index}, e.Cause)
}

// Is makes errors.Is(err, ErrOutcomeUnknown) true.
func (e *OutcomeUnknownError) Is(target error) bool { return target == ErrOutcomeUnknown }

// Unwrap returns the cause.
func (e *OutcomeUnknownError) Unwrap() error { return e.Cause }

// Causes of an [OutcomeUnknownError].
var (
	// ErrStopped is the cause of an [OutcomeUnknownError] when the node stopped before the end was seen. It is not
	// [ErrShutdown], which says that the command was never accepted.
	ErrStopped = errors.New("actors: node stopped")
	// ErrRestarted is the cause of an [OutcomeUnknownError] when the raft actor was restarted by its supervisor.
	ErrRestarted = errors.New("actors: raft actor restarted")
	// ErrLostLeadership is the cause of an [OutcomeUnknownError] when another leader took over.
	ErrLostLeadership = errors.New("actors: leadership lost")
	// ErrForwardUnanswered is the cause of an [OutcomeUnknownError] when a command was sent on to the leader
	// (Config.ForwardProposals), and the leader did not answer in time or could not say how it ended.
	ErrForwardUnanswered = errors.New("actors: forwarded command not answered")
)

// The node is gone.
var (
	// ErrDriverDead: the raft actor panicked and its supervisor gave it up. Restart the process.
	ErrDriverDead = errors.New("actors: driver dead")
	// ErrFatal is the kind of every [FatalError].
	ErrFatal = errors.New("actors: fatal")
)

// FatalError says that the node failed for good: its storage, its state machine or proof of lost data. The node
// answers Status and nothing else until it is stopped; restart the process.
type FatalError struct {
	Op  string // what failed: "persistence", "apply", "engine", …
	Err error
}

func (e *FatalError) Error() string { return fmt.Sprintf("%v: %s: %v", ErrFatal, e.Op, e.Err) }

// Is makes errors.Is(err, ErrFatal) true.
func (e *FatalError) Is(target error) bool { return target == ErrFatal }

// Unwrap returns the cause.
func (e *FatalError) Unwrap() error { return e.Err }

// ErrInvalidConfig is wrapped by everything that [Config.Validate] finds.
var ErrInvalidConfig = errors.New("actors: invalid config")
