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
// [ProposalRejected] or [Redirect] in the same Step.
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
// that the leader has met.
type PeerSeen struct {
	Now  Instant
	From Peer
}

func (e *Tick) now() Instant                { return e.Now }
func (e *Incoming) now() Instant            { return e.Now }
func (e *ClientProposal) now() Instant      { return e.Now }
func (e *ClientProposalBatch) now() Instant { return e.Now }
func (e *Persisted) now() Instant           { return e.Now }
func (e *Applied) now() Instant             { return e.Now }
func (e *PeerSeen) now() Instant            { return e.Now }

func (*Tick) event()                {}
func (*Incoming) event()            {}
func (*ClientProposal) event()      {}
func (*ClientProposalBatch) event() {}
func (*Persisted) event()           {}
func (*Applied) event()             {}
func (*PeerSeen) event()            {}
