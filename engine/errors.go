package engine

import (
	"errors"
	"fmt"
)

// What [New] refuses beside an invalid config.

// ErrInvalidRecovered is wrapped by what [New] returns when the recovered state contradicts itself.
var ErrInvalidRecovered = errors.New("engine: invalid recovered state")

// What stops a running node: see [Fatal].
var (
	// ErrCommittedConflict: a leader's log contradicts an entry that this node knows to be committed.
	ErrCommittedConflict = errors.New("engine: leader contradicts a committed entry")
	// ErrTwoLeaders: another node leads in the term in which this node leads.
	ErrTwoLeaders = errors.New("engine: two leaders in one term")
	// ErrSnapshotLabel: the host's label of a snapshot contradicts the log that it was taken of.
	ErrSnapshotLabel = errors.New("engine: snapshot label contradicts the log")
)

// CommittedConflictError is the evidence for [ErrCommittedConflict].
type CommittedConflictError struct {
	Node   NodeID   // this node
	Leader Peer     // who sent the append
	Term   Term     // of the append
	Ours   Position // the entry of this node
	Theirs Position // what the leader has at that index
	Commit Index    // of this node
}

func (e *CommittedConflictError) Error() string {
	return fmt.Sprintf("%v: %v has committed up to %d and holds %v, %v of term %d sent %v",
		ErrCommittedConflict, e.Node, e.Commit, e.Ours, e.Leader, e.Term, e.Theirs)
}

// Unwrap returns [ErrCommittedConflict].
func (e *CommittedConflictError) Unwrap() error { return ErrCommittedConflict }

// TwoLeadersError is the evidence for [ErrTwoLeaders].
type TwoLeadersError struct {
	Node  NodeID // this node, a leader
	Other Peer   // the other one
	Term  Term
}

func (e *TwoLeadersError) Error() string {
	return fmt.Sprintf("%v: %v and %v in term %d", ErrTwoLeaders, e.Node, e.Other, e.Term)
}

// Unwrap returns [ErrTwoLeaders].
func (e *TwoLeadersError) Unwrap() error { return ErrTwoLeaders }

// SnapshotLabelError is the evidence for [ErrSnapshotLabel]. It is a defect of the host.
type SnapshotLabelError struct {
	Node     NodeID
	Snapshot SnapshotMeta
	Reason   string
}

func (e *SnapshotLabelError) Error() string {
	return fmt.Sprintf("%v: %v, %v: %s", ErrSnapshotLabel, e.Node, e.Snapshot, e.Reason)
}

// Unwrap returns [ErrSnapshotLabel].
func (e *SnapshotLabelError) Unwrap() error { return ErrSnapshotLabel }
