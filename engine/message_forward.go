package engine

// The messages of this file are what hosts say to each other and not engines, which take no notice of them: a follower's
// host sends on what a client proposed to it, and the leader's host answers. They are messages like the others because they
// travel the same way, and may be lost like the others.

// ProposalForward asks the host of the leader of Term to propose commands, all or none, as consecutive entries. It is sent
// at most once, goes one hop and no further, and is good for that term only.
type ProposalForward struct {
	Term     Term   // in which the sender follows the receiver
	Origin   uint64 // the life of the sending host, drawn at random; not zero
	ID       uint64 // rises within the origin, from 1 on
	Commands [][]byte
}

// ProposalForwardResult answers [ProposalForward], once.
type ProposalForwardResult struct {
	Term       Term   // of the request
	Origin, ID uint64 // of the request
	Outcome    ForwardOutcome
	Leader     NodeID   // not leader: whom the sender follows; zero when it follows nobody
	Position   Position // unknown: where the first command was appended; zero when that is not known
	Responses  [][]byte // applied: one for each command
}

// ForwardOutcome says what became of forwarded proposals. All but applied and unknown say that nothing was appended, or
// that what was can never be applied.
type ForwardOutcome uint8

// What may have become of forwarded proposals.
const (
	ForwardApplied ForwardOutcome = iota + 1
	ForwardNotLeader
	ForwardBusy
	ForwardDiskNearlyFull
	ForwardTooLarge
	ForwardRejected // another leader's entry took the place
	ForwardShutdown // the leader is stopping
	ForwardUnknown
	ForwardBadCommand // the leader cannot decode a command
)

func (m *ProposalForward) MessageTerm() Term       { return m.Term }
func (m *ProposalForwardResult) MessageTerm() Term { return m.Term }

func (*ProposalForward) message()       {}
func (*ProposalForwardResult) message() {}
