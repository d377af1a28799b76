package engine

// Action is what the engine asks of its host. The set is sealed. The actions of one [Engine.Step] are valid
// until the next Step: the host copies what it keeps. Everything they point to (messages, entries, commands,
// memberships) is immutable for ever and may be kept.
//
// # Order
//
// Actions come in causal order. Persist actions are numbered by Seq. A [Send] with Wait set leaves only when
// every Persist action emitted before it, in this Step or an earlier one, is durable; a Send without Wait may
// leave at once. A synchronous host goes through the list in order, syncs at each Persist and then feeds
// [Persisted]. An asynchronous host sends the waiting messages through the same queue as the writes they wait
// for; the queue's order is the contract.
//
//sumtype:decl
type Action interface{ action() }

// PersistHardState makes term and vote durable.
type PersistHardState struct {
	Seq   Seq
	State HardState
}

// PersistLogEntries replaces the durable log from Entries[0].Index on by Entries: whatever stood there or
// behind is void. There is no separate truncation.
type PersistLogEntries struct {
	Seq     Seq
	Entries []Entry // consecutive, not empty
}

// Send gives a message to the transport. Delivery is not required: the engine repeats what matters.
type Send struct {
	To      NodeID
	Wait    bool // leave only after every earlier Persist action is durable
	Message Message
}

// Apply hands committed entries to the state machine: every committed index, no-ops and configurations
// included, in order and once. The host answers with [Applied].
type Apply struct {
	Entries []Entry // consecutive, not empty
}

// ProposalAccepted says that the commands of a proposal were appended, Count of them at consecutive indexes
// from First on, in Term. Whether they commit is told by [Apply]: a proposal is certainly not applied once an
// entry of another term has been applied at its index.
type ProposalAccepted struct {
	ID    ProposalID
	First Index
	Term  Term
	Count int
}

// Redirect answers a proposal, a change or a transfer that came to a node which is not the leader. Nothing was
// appended.
type Redirect struct {
	ID      ProposalID
	Leader  NodeID // zero: no leader known
	Address string // of Leader, from the membership; may be empty
}

// RejectReason says why a leader refused a proposal.
type RejectReason uint8

const (
	// RejectBusy: a limit is reached (too much unapplied, or leadership is being transferred). Back off, retry.
	RejectBusy RejectReason = 1
	// RejectTooLarge: a command is larger than the log accepts.
	RejectTooLarge RejectReason = 2
)

// String names the reason.
func (r RejectReason) String() string {
	switch r {
	case RejectBusy:
		return "busy"
	case RejectTooLarge:
		return "too large"
	}
	return "unknown"
}

// ProposalRejected answers a proposal that the leader refused. Nothing was appended.
type ProposalRejected struct {
	ID     ProposalID
	Reason RejectReason
}

// ReadReady says that the read sees everything it has to see once the state machine has applied everything up to
// Index. It comes after the [Apply] that covers Index, in the same Step or a later one. It needs no leader any more:
// the state machine may answer it whenever it is that far.
type ReadReady struct {
	ID    ReadID
	Index Index
}

// ReadFailReason says why a read is not served. Nothing happened: the read may be asked again.
type ReadFailReason uint8

const (
	// ReadNotLeader: this node does not lead. Go to the leader.
	ReadNotLeader ReadFailReason = 1
	// ReadNotReady: this leader has not committed an entry of its own term yet, and does not know what its
	// predecessors committed. Retry in a moment.
	ReadNotReady ReadFailReason = 2
	// ReadSteppedDown: leadership ended before it was confirmed, or before the read's index was applied. Retry.
	ReadSteppedDown ReadFailReason = 3
)

// String names the reason.
func (r ReadFailReason) String() string {
	switch r {
	case ReadNotLeader:
		return "not the leader"
	case ReadNotReady:
		return "not ready"
	case ReadSteppedDown:
		return "stepped down"
	}
	return "unknown"
}

// ReadFailed answers a read that is not served.
type ReadFailed struct {
	ID      ReadID
	Reason  ReadFailReason
	Leader  NodeID // zero: no other leader known
	Address string // of Leader, from the membership; may be empty
}

// PeerLostData reports a follower that rejected an append below what it had acknowledged: its disk forgot
// something. Its rejection is not believed and it does not count; an operator must look.
type PeerLostData struct {
	Peer    Peer
	Match   Index    // what it had acknowledged
	Claimed Position // the conflict it now reports
}

// Fatal stops this node: a well-formed message proved that data which was committed is lost somewhere. The
// host takes no further step with this engine.
type Fatal struct {
	Err error
}

// PersistSnapshot makes a snapshot the one that the node starts from, and Base the end of the log that it has let go:
// one atomic switch. The snapshot's file is complete and synced before this is asked. Without Keep the whole log goes,
// and Base is the snapshot's position; with Keep the entries above Base stay. Once [Persisted] was
// given for it the host may remove the files that [Engine.SnapshotsInUse] does not name.
type PersistSnapshot struct {
	Seq      Seq
	Snapshot SnapshotMeta
	Base     Position // at most the snapshot's position: the trailing log lies between the two
	Keep     bool
}

// ApplySnapshot replaces the state of the state machine by a snapshot. It stands in one queue with [Apply], in order:
// the machine has been handed less before, and what is handed later follows it. The host answers with [Applied] of the
// snapshot's index.
type ApplySnapshot struct {
	Snapshot SnapshotMeta
}

// SnapshotHint says that a snapshot would pay now. A host may ignore it, or take its time: it is repeated when as much
// has come on top.
type SnapshotHint struct {
	Reason  HintReason
	Applied Index // what a snapshot taken now would reach
}

// DiscardSnapshot says that the node has no use for a snapshot that it was told of.
type DiscardSnapshot struct {
	ID uint64
}

// SendSnapshot gives the host the bytes of a snapshot to send, from Offset on. Chunks name the transfer and nothing
// else. The host answers with [SnapshotSendResult].
//
// Verify says that all of the snapshot was sent before and no follower has it: its file may be damaged. The host reads it
// first, and calls one that is Unreadable.
type SendSnapshot struct {
	To       NodeID
	Transfer TransferID
	Snapshot SnapshotMeta
	Offset   uint64
	Verify   bool
}

// ReceiveSnapshot tells the host which snapshot the leader is about to send. The host answers with [SnapshotExpected]
// when it can take the bytes, and with one [SnapshotReceived] when it has them all, or cannot take them, or has waited
// for too long. The same transfer may be announced again: then the host says once more how much it has. Another one
// comes only after [AbortSnapshot] of the one before.
type ReceiveSnapshot struct {
	From     NodeID
	Transfer TransferID
	Snapshot SnapshotMeta
}

// AbortSnapshot ends a transfer at either end: what is not sent need not be, and what is received is not wanted by this
// transfer any more. The host gives no result of it. It may have ended already.
type AbortSnapshot struct {
	Transfer TransferID
}

func (*PersistHardState) action()  {}
func (*PersistSnapshot) action()   {}
func (*ApplySnapshot) action()     {}
func (*SnapshotHint) action()      {}
func (*DiscardSnapshot) action()   {}
func (*SendSnapshot) action()      {}
func (*ReceiveSnapshot) action()   {}
func (*AbortSnapshot) action()     {}
func (*PersistLogEntries) action() {}
func (*Send) action()              {}
func (*Apply) action()             {}
func (*ProposalAccepted) action()  {}
func (*Redirect) action()          {}
func (*ProposalRejected) action()  {}
func (*ReadReady) action()         {}
func (*ReadFailed) action()        {}
func (*PeerLostData) action()      {}
func (*Fatal) action()             {}
