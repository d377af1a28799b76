package engine

// output collects the actions of one Step. Actions live in slabs that the next Step uses again, so that after a
// while a Step allocates nothing but the messages it sends. Rare ones have no slab: each would cost every Step a reset.
type output struct {
	actions    []Action
	states     slab[PersistHardState]
	writes     slab[PersistLogEntries]
	sends      slab[Send]
	applies    slab[Apply]
	accepts    slab[ProposalAccepted]
	redirects  slab[Redirect]
	rejections slab[ProposalRejected]
	readies    slab[ReadReady]
	failures   slab[ReadFailed]

	heartbeats chunk[Heartbeat]
	answers    chunk[HeartbeatResponse]
	verdicts   chunk[AppendEntriesResponse]
}

// slab hands out values of one type that are all taken back at once.
type slab[T any] struct {
	items []*T
	used  int
}

// chunk hands out values of one type that live for as long as anybody holds them, like those of new, for less: sixteen
// are allocated at once, and kept while one of them is. So it is for small types without pointers.
type chunk[T any] struct {
	items *[16]T
	used  int
}

// put returns a pointer to a copy of item.
func (c *chunk[T]) put(item T) *T {
	if c.items == nil || c.used == len(c.items) {
		c.items, c.used = new([16]T), 0
	}
	p := &c.items[c.used]
	*p = item
	c.used++
	return p
}

// put returns a pointer to a copy of item, valid until reset.
func (s *slab[T]) put(item T) *T {
	if s.used == len(s.items) {
		s.items = append(s.items, new(T))
	}
	p := s.items[s.used]
	*p = item
	s.used++
	return p
}

// reset takes back what was handed out, and drops what that pointed to. It returns how much that was.
func (s *slab[T]) reset() int {
	var zero T
	for _, p := range s.items[:s.used] {
		*p = zero
	}
	used := s.used
	s.used = 0
	return used
}

// reset looks at the frequent kinds first, and at the others only if there was anything else. The list itself is not
// cleared: what it points to is of a slab, or small, and soon overwritten.
func (o *output) reset() {
	rest := len(o.actions)
	if rest == 0 {
		return
	}
	o.actions = o.actions[:0]
	if rest -= o.sends.reset() + o.writes.reset() + o.applies.reset() + o.accepts.reset(); rest == 0 {
		return
	}
	o.states.reset()
	o.redirects.reset()
	o.rejections.reset()
	o.readies.reset()
	o.failures.reset()
}

func (o *output) add(a Action) { o.actions = append(o.actions, a) }

// saveState asks the host to make term and vote durable if they changed since it was last asked.
func (e *Engine) saveState() {
	if e.state != e.saved {
		e.writeState()
	}
}

func (e *Engine) writeState() {
	e.saved = e.state
	seq := e.disk.writeState(e.now)
	e.out.add(e.out.states.put(PersistHardState{Seq: seq, State: e.state}))
}

// saveEntries asks the host to replace the durable log from the first of the entries on.
func (e *Engine) saveEntries(entries []Entry) {
	e.saveState()
	seq := e.disk.writeEntries(entries[0].Index, entries[len(entries)-1].Index, e.now)
	e.out.add(e.out.writes.put(PersistLogEntries{Seq: seq, Entries: entries}))
}

// sendNow sends what promises nothing that a crash could take back (dissertation §3.8 asks for durability only
// of what an answer rests on): a leader's appends and heartbeats, refusals, pre-votes, heartbeat answers.
func (e *Engine) sendNow(to NodeID, m Message) {
	e.saveState()
	e.out.add(e.out.sends.put(Send{To: to, Message: m}))
}

// sendDurable sends a promise, once every write before it is durable: a request for votes, a granted vote, an
// acknowledgement.
func (e *Engine) sendDurable(to NodeID, m Message) {
	e.saveState()
	e.out.add(e.out.sends.put(Send{To: to, Wait: true, Message: m}))
}

// stop ends this node with the evidence.
func (e *Engine) stop(err error) {
	if e.tracing {
		e.tracef("%v stops: %v", e.cfg.ID, err)
	}
	e.endReads()
	e.redirectBatch()
	e.saveState()
	e.out.add(&Fatal{Err: err})
	e.fatal = true
}
