package engine

import (
	"fmt"
	"strconv"
)

// NodeID names a member of a cluster for ever. Zero is "no node".
type NodeID uint64

// String prints the id the way traces, errors and documentation do: n1.
func (id NodeID) String() string {
	if id == 0 {
		return "nobody"
	}
	return "n" + strconv.FormatUint(uint64(id), 10)
}

// Incarnation tells two lives of one [NodeID] apart. It is random, drawn when a data directory is first
// initialised and stored before anything is sent, so a node that comes back with a wiped disk is another
// incarnation. Zero is "unbound": a founder that no leader has met yet.
type Incarnation uint64

// Term is a period of at most one leader (dissertation §3.3). Terms start at 1; zero is "before any term".
type Term uint64

// Index is a position in the log. The first entry has index 1; zero is "before the first entry".
type Index uint64

// Position names one entry by term and index; two logs that hold the same position agree on everything up to
// it (Log Matching, dissertation §3.5).
type Position struct {
	Term  Term
	Index Index
}

// String prints term/index, as in 3/15.
func (p Position) String() string { return fmt.Sprintf("%d/%d", p.Term, p.Index) }

// Before reports whether a log that ends at p is less up to date than one that ends at q: the later term wins,
// then the longer log (dissertation §3.6.1).
func (p Position) Before(q Position) bool {
	if p.Term != q.Term {
		return p.Term < q.Term
	}
	return p.Index < q.Index
}

// Instant is a point of the host's monotonic clock, in nanoseconds since any fixed origin of this process. The
// clock must run while the machine is suspended: leases and stickiness are judged by it.
type Instant int64

// Duration is a span of [Instant], in nanoseconds. It has the unit of time.Duration, so hosts convert freely.
type Duration int64

// Since returns the span from earlier to i.
func (i Instant) Since(earlier Instant) Duration { return Duration(i - earlier) }

// Seq numbers the Persist actions of one engine, rising by one from 1. See [Persisted].
type Seq uint64

// SendNumber numbers the messages of one leader, from 1 on and rising within the term; what goes to several
// followers is one message with one number. Answers of the same term echo it, so that what is stale is decided by
// number and never by order of arrival. Zero answers nothing that was sent in the term of the answer.
type SendNumber uint64

// HardState is what a node must never forget: it is durable before any message that rests on it leaves
// (dissertation §3.8).
type HardState struct {
	Term            Term
	Vote            NodeID      // whom the vote of Term went to; zero when it is still free
	VoteIncarnation Incarnation // which life of that node; zero when the vote is still free
}

// voted returns whom the vote went to.
func (s HardState) voted() Peer { return Peer{ID: s.Vote, Incarnation: s.VoteIncarnation} }

// Role is the part a node plays in the current term.
type Role uint8

// The values are stable: metrics publish them as role codes.
const (
	Follower     Role = 0
	PreCandidate Role = 1
	Candidate    Role = 2
	Leader       Role = 3
)

// String names the role in lower case.
func (r Role) String() string {
	switch r {
	case Follower:
		return "follower"
	case PreCandidate:
		return "pre-candidate"
	case Candidate:
		return "candidate"
	case Leader:
		return "leader"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// Peer is the sender of a message as the transport's handshake proved it.
type Peer struct {
	ID          NodeID
	Incarnation Incarnation
}

// String prints the id and, when known, the incarnation.
func (p Peer) String() string {
	if p.Incarnation == 0 {
		return p.ID.String()
	}
	return fmt.Sprintf("%v@%016x", p.ID, uint64(p.Incarnation))
}
