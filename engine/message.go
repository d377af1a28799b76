package engine

import "fmt"

// Message is what two engines say to each other, or their hosts beside them (message_forward.go). The set is sealed.
// Messages are immutable once sent, their entries included, and one message may be sent to several peers.
//
// Every message carries the sender's term. A receiver with an older term adopts it, with these exceptions: the term of a
// pre-vote that is asked for or granted is only proposed (dissertation §9.6), a request for a vote is ignored altogether
// by who hears a leader (§4.2.3), and a notice of removal, which anybody may give, tells nothing but what it says.
//
//sumtype:decl
type Message interface {
	// MessageTerm returns the term the message speaks for.
	MessageTerm() Term
	message()
}

// RequestPreVote asks whether the receiver would vote for the sender in Term, before the sender raises its own
// term (dissertation §9.6).
type RequestPreVote struct {
	Term  Term       // the term the sender would campaign in: one above its own
	Round SendNumber // of this campaign; answers to an earlier one do not count
	Last  Position   // of the sender's last entry
}

// RequestPreVoteResponse answers [RequestPreVote]. A refusal carries the responder's own term, and the
// candidate learns it, so that a long log with an old term cannot deadlock with a short one with a newer.
type RequestPreVoteResponse struct {
	Term    Term // granted: the proposed term; refused: the responder's term
	Round   SendNumber
	Granted bool
}

// RequestVote asks for the receiver's vote in Term (dissertation §3.4).
type RequestVote struct {
	Term     Term
	Last     Position // of the candidate's last entry
	Transfer bool     // the leader asked for this election (TimeoutNow): stickiness lets it through
}

// RequestVoteResponse answers [RequestVote]. It names the life of the candidate that asked: a vote that was given to
// a node before it lost its disk is none for the node that came back.
type RequestVoteResponse struct {
	Term      Term
	Granted   bool
	Candidate Incarnation
}

// AppendEntries carries entries from the leader of Term (dissertation §3.5).
type AppendEntries struct {
	Term    Term
	Number  SendNumber
	Prev    Position // of the entry right before Entries
	Entries []Entry  // consecutive from Prev.Index+1; may be empty
	Commit  Index    // the leader's commit index; the receiver caps it at Prev.Index+len(Entries)
}

// AppendEntriesResponse answers [AppendEntries]. An accepted append acknowledges Match, exactly
// Prev.Index+len(Entries) of the request and never the follower's own tail, and leaves only when that much is
// durable. A rejection tells where the logs part, so that they meet in a number of rounds bounded by terms and
// not by entries (dissertation §3.5).
type AppendEntriesResponse struct {
	Term     Term
	Number   SendNumber // of the request; zero when that was not of the leader of Term
	Accepted bool
	Match    Index    // accepted: everything up to here is durable and equal to the leader's log
	Conflict Position // rejected: the term of the follower's entry at Prev.Index and its first index; term zero: the log is shorter, and Index is where it ends, plus one
}

// Heartbeat keeps a follower's election timer from firing and tells it what is committed, at most what that
// follower is known to hold.
type Heartbeat struct {
	Term   Term
	Number SendNumber // also the read round
	Commit Index
}

// HeartbeatResponse answers [Heartbeat] at once, whatever the follower's disk does. It says nothing of the log.
type HeartbeatResponse struct {
	Term   Term
	Number SendNumber // of the request; zero when that was not of the leader of Term
}

// TimeoutNow asks the receiver to campaign at once (dissertation §3.10).
type TimeoutNow struct {
	Term   Term
	Number SendNumber
}

// SnapshotOffer offers a snapshot to a follower that lacks entries which the leader no longer has (dissertation
// §5.1). The bytes travel between the hosts, and name nothing but Transfer.
type SnapshotOffer struct {
	Term     Term
	Number   SendNumber
	Transfer TransferID
	Snapshot SnapshotMeta
}

// SnapshotVerdict is what a follower says to a [SnapshotOffer].
type SnapshotVerdict uint8

const (
	// SnapshotAccepted: send the bytes from Offset on.
	SnapshotAccepted SnapshotVerdict = 1
	// SnapshotRefused: not now.
	SnapshotRefused SnapshotVerdict = 2
	// SnapshotHeld: everything up to Match is durable here, the snapshot or what is in it included.
	SnapshotHeld SnapshotVerdict = 3
)

// String names the verdict.
func (v SnapshotVerdict) String() string {
	switch v {
	case SnapshotAccepted:
		return "accepted"
	case SnapshotRefused:
		return "refused"
	case SnapshotHeld:
		return "held"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// SnapshotOfferResponse answers [SnapshotOffer], at first when the host is ready for the bytes, and once more when they
// are installed or were of no use.
type SnapshotOfferResponse struct {
	Term     Term
	Number   SendNumber // of the offer; zero when that was not of the leader of Term
	Transfer TransferID
	Verdict  SnapshotVerdict
	Offset   uint64 // accepted: bytes of the snapshot that are here already
	Match    Index  // held: the follower's commit index; leaves only when that much is durable
}

// Removed tells the receiver that it is no member: it asked for a vote, or answered a leader, and no configuration up
// to Commit that the sender knows names it. The receiver believes it unless its own configuration is newer.
type Removed struct {
	Term        Term
	Incarnation Incarnation // of the receiver: another life of it may be a member
	Commit      Position    // the sender knows everything up to here to be committed
}

func (m *RequestPreVote) MessageTerm() Term         { return m.Term }
func (m *RequestPreVoteResponse) MessageTerm() Term { return m.Term }
func (m *RequestVote) MessageTerm() Term            { return m.Term }
func (m *RequestVoteResponse) MessageTerm() Term    { return m.Term }
func (m *AppendEntries) MessageTerm() Term          { return m.Term }
func (m *AppendEntriesResponse) MessageTerm() Term  { return m.Term }
func (m *Heartbeat) MessageTerm() Term              { return m.Term }
func (m *HeartbeatResponse) MessageTerm() Term      { return m.Term }
func (m *TimeoutNow) MessageTerm() Term             { return m.Term }
func (m *SnapshotOffer) MessageTerm() Term          { return m.Term }
func (m *SnapshotOfferResponse) MessageTerm() Term  { return m.Term }
func (m *Removed) MessageTerm() Term                { return m.Term }

func (*RequestPreVote) message()         {}
func (*RequestPreVoteResponse) message() {}
func (*RequestVote) message()            {}
func (*RequestVoteResponse) message()    {}
func (*AppendEntries) message()          {}
func (*AppendEntriesResponse) message()  {}
func (*Heartbeat) message()              {}
func (*HeartbeatResponse) message()      {}
func (*TimeoutNow) message()             {}
func (*SnapshotOffer) message()          {}
func (*SnapshotOfferResponse) message()  {}
func (*Removed) message()                {}
