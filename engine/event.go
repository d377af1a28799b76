package engine

// Event is what a host tells the engine. The set is sealed. Events are passed by pointer so that a host on a
// hot path can reuse one; the engine keeps no pointer to an event after [Engine.Step] returns, but it does keep
// the messages, commands and entries that an event carries.
//
// Every event carries Now, the host's monotonic time at the moment it is handed to Step. It never runs
// backwards from one Step to the next.
//
//sumtype:decl
type Event interface {
	now() Instant
	event()
}

// Tick moves the engine's timers by one. A host that was late delivers one Tick and not several: timers may be
// late, never early.
type Tick struct {
	Now Instant
}

// Incoming delivers a message. From is the sender as the handshake proved it. Gateways have validated the
// message (entries consecutive, kinds known, configurations decodable): see remote.
type Incoming struct {
	Now     Instant
	From    Peer
	Message Message
}

// ProposalID links a proposal with the actions that answer it. The host chooses it; the engine only repeats it.
type ProposalID uint64

// ClientProposal asks the leader to append one command. It is answered by [ProposalAccepted],
// [ProposalRejected] or [Redirect] in the same Step; with [Config.MaxBatchDelayTicks] possibly in a later one.
type ClientProposal struct {
	Now     Instant
	ID      ProposalID
	Command []byte
}

// ClientProposalBatch asks the leader to append several commands, all or none, as consecutive entries. It is
// answered like [ClientProposal], once for the batch. The engine keeps the commands, not the slice of them.
type ClientProposalBatch struct {
	Now      Instant
	ID       ProposalID
	Commands [][]byte
}

// ReadID links a read with the action that answers it. The host chooses it; the engine only repeats it.
type ReadID uint64

// ProposeRead asks for a point at which the state machine may be read linearizably. It is answered once, by
// [ReadReady] or [ReadFailed], in this Step or a later one; when the engine stops, in the Step that stops it. How many
// wait is bounded by the host.
type ProposeRead struct {
	Now   Instant
	ID    ReadID
	Count int // how many reads of the host share the id, for the metrics; zero is one
}

// Persisted says that every Persist action up to and including Seq is durable: the sync that covers it has
// returned. It is cumulative.
type Persisted struct {
	Now Instant
	Seq Seq
}

// Applied says that the state machine has applied every entry up to and including Index.
type Applied struct {
	Now   Instant
	Index Index
}

// PeerSeen says that a transport handshake with From succeeded, whether From is a member or not. A leader binds the
// incarnation of a member that is not bound when it meets it, and a node that is added later is added in the incarnation
// that the leader has met. MinElectionTimeout is how long the peer gives nobody its vote after it heard its leader, by
// its own clock; zero when it did not say, and then no leader has a lease while the peer is a voter.
type PeerSeen struct {
	Now                Instant
	From               Peer
	MinElectionTimeout Duration
}

// SnapshotTaken says that the host has a snapshot of its own state machine: complete, verified and synced, the
// directory included. It is answered by [PersistSnapshot], or by [DiscardSnapshot] when the node has a newer one by
// now, or when it holds nothing but the founders' entry. The label comes from the apply stream at the point of capture. One that contradicts the log stops the node
// with [ErrSnapshotLabel]. A snapshot that failed needs no event: [SnapshotHint] tells when it is asked for again.
type SnapshotTaken struct {
	Now      Instant
	Snapshot SnapshotMeta
}

// SnapshotExpected answers [ReceiveSnapshot]: the host is ready for the bytes from Offset on. What is before Offset is
// here from an interrupted transfer of the same snapshot.
type SnapshotExpected struct {
	Now      Instant
	Transfer TransferID
	Offset   uint64 // at most the snapshot's size
}

// SnapshotReceived ends what [ReceiveSnapshot] began: without Err the snapshot is complete, verified against size and
// checksum, and synced, the directory included. With Err it is not, now or for good: the disk is full, nothing came for
// too long, the bytes are not those that were announced. What is here may be kept, to resume from, unless it is wrong.
type SnapshotReceived struct {
	Now      Instant
	Transfer TransferID
	Err      error
}

// SnapshotSendResult ends what [SendSnapshot] began, exactly once unless [AbortSnapshot] came before. Without Err the
// receiver's host has confirmed every byte. Unreadable says that the file is at fault and not the way: nothing more is
// sent of it.
type SnapshotSendResult struct {
	Now        Instant
	Transfer   TransferID
	Err        error
	Unreadable bool
}

func (e *Tick) now() Instant                { return e.Now }
func (e *Incoming) now() Instant            { return e.Now }
func (e *ClientProposal) now() Instant      { return e.Now }
func (e *ClientProposalBatch) now() Instant { return e.Now }
func (e *ProposeRead) now() Instant         { return e.Now }
func (e *Persisted) now() Instant           { return e.Now }
func (e *Applied) now() Instant             { return e.Now }
func (e *PeerSeen) now() Instant            { return e.Now }
func (e *SnapshotTaken) now() Instant       { return e.Now }
func (e *SnapshotExpected) now() Instant    { return e.Now }
func (e *SnapshotReceived) now() Instant    { return e.Now }
func (e *SnapshotSendResult) now() Instant  { return e.Now }

func (*Tick) event()                {}
func (*Incoming) event()            {}
func (*ClientProposal) event()      {}
func (*ClientProposalBatch) event() {}
func (*ProposeRead) event()         {}
func (*Persisted) event()           {}
func (*Applied) event()             {}
func (*PeerSeen) event()            {}
func (*SnapshotTaken) event()       {}
func (*SnapshotExpected) event()    {}
func (*SnapshotReceived) event()    {}
func (*SnapshotSendResult) event()  {}
