package engine

// Status is a copy of what the engine knows at this moment.
type Status struct {
	ID         NodeID
	Role       Role
	Term       Term
	Vote       NodeID
	Leader     NodeID // whom this node follows, itself included; zero when unknown
	Last       Position
	Durable    Index // the log is durable up to here
	Commit     Index
	Applied    Index
	Base       Position // the log begins right after it
	Membership Membership
	Removed    bool             // this node knows that it was a member and is none any more
	Followers  []FollowerStatus // of a leader, ascending by id; else empty
}

// FollowerStatus is a leader's view of one other member.
type FollowerStatus struct {
	ID        NodeID
	IsLearner bool
	Match     Index // known to be durable there
	Next      Index // the next entry to send
	State     string
	IsLeaving bool // its removal is not committed yet; it counts nowhere
}

// Metrics counts what the engine did since it was built. Counters only rise.
type Metrics struct {
	ElectionsStarted      uint64
	PreVotesGranted       uint64
	PreVotesDenied        uint64
	VotesGranted          uint64
	VotesDenied           uint64
	LeaderElectionsWon    uint64
	HigherTermStepdowns   uint64
	QuorumStepdowns       uint64 // no majority answered for an election timeout
	DiskStallStepdowns    uint64 // the leader's own disk did not answer for an election timeout
	AppendEntriesSent     uint64
	AppendEntriesReceived uint64
	AppendEntriesRejected uint64
	EntriesAppended       uint64
	EntriesCommitted      uint64
	EntriesApplied        uint64
	SnapshotsSent         uint64
	SnapshotsInstalled    uint64
	ReadIndexStarted      uint64
	ReadsCompleted        uint64
	ReadsFailed           uint64
}
