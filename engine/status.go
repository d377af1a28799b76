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
	Snapshot   Position // of the newest snapshot; zero without one
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

// Metrics counts what the engine did since it was built, and says where it stands. Counters only rise; the five
// gauges at the end follow the state.
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
	SnapshotsTaken        uint64 // of this node's own state machine
	SnapshotsSent         uint64
	SnapshotsInstalled    uint64
	ReadIndexStarted      uint64 // reads that a leader took
	ReadRounds            uint64 // rounds of heartbeats that were sent for reads; one confirms many
	ReadsCompleted        uint64
	ReadsFailed           uint64 // refused, or leadership ended first

	CurrentTerm Term
	CommitIndex Index
	LastApplied Index
	LogLen      int // entries above the log's base
	RoleCode    int // 0 follower, 1 pre-candidate, 2 candidate, 3 leader
}
