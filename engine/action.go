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

func (*PersistHardState) action()  {}
func (*PersistLogEntries) action() {}
func (*Send) action()              {}
func (*Apply) action()             {}
func (*ProposalAccepted) action()  {}
func (*Redirect) action()          {}
func (*ProposalRejected) action()  {}
func (*PeerLostData) action()      {}
func (*Fatal) action()             {}
