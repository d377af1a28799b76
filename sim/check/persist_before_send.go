package check

import "github.com/yggr-go/yggr/engine"

// checkPersistBeforeSend: whatever others may rely on is on the sender's disk when the message leaves
// (dissertation §3.8):
//
//   - the term that a candidate or leader speaks for, and its vote for itself in it;
//   - a granted vote;
//   - the term of an accepted append or a held snapshot, and the log up to its match index.
//
// A leader's entries may leave before they are durable: it counts itself only when they are (§10.2.1). A
// disk that is already in a later term proves nothing wrong: the sync that covered the message's term covered
// the later one too.
func checkPersistBeforeSend(n *node, to engine.NodeID, message engine.Message) error {
	switch m := message.(type) {
	case *engine.RequestVote:
		return n.provesVote(n.peer, message)
	case *engine.AppendEntries, *engine.Heartbeat, *engine.TimeoutNow, *engine.SnapshotOffer:
		return n.provesVote(n.peer, message)
	case *engine.RequestVoteResponse:
		if m.Granted {
			return n.provesVote(n.grantee(to, m.Term), message)
		}
	case *engine.AppendEntriesResponse:
		if m.Accepted {
			return n.provesMatch(m.Term, m.Match)
		}
	case *engine.SnapshotOfferResponse:
		if m.Verdict == engine.SnapshotHeld {
			return n.provesMatch(m.Term, m.Match)
		}
	default:
	}
	return nil
}

func (n *node) provesVote(candidate engine.Peer, message engine.Message) error {
	term, disk := message.MessageTerm(), n.disk.state
	if disk.Term > term || disk == voteFor(candidate, term) {
		return nil
	}
	return violated("persist before send", "%v sends %T in term %d resting on a vote for %v, its disk holds term %d and a vote for %v",
		n.peer.ID, message, term, candidate, disk.Term, engine.Peer{ID: disk.Vote, Incarnation: disk.VoteIncarnation})
}

func voteFor(candidate engine.Peer, term engine.Term) engine.HardState {
	return engine.HardState{Term: term, Vote: candidate.ID, VoteIncarnation: candidate.Incarnation}
}

// provesMatch looks at what the disk holds and not at the durable index. A write of a later term that will replace
// entries may be under way already: the acknowledgement was made before it and says nothing about it.
func (n *node) provesMatch(term engine.Term, match engine.Index) error {
	if n.disk.state.Term > term {
		return nil
	}
	if n.disk.state.Term < term {
		return violated("persist before send", "%v acknowledges something of term %d, its disk holds term %d",
			n.peer.ID, term, n.disk.state.Term)
	}
	if last := n.disk.log.last(); match > last.Index {
		return violated("persist before send", "%v acknowledges up to %d in term %d, its disk holds %v",
			n.peer.ID, match, term, last)
	}
	return nil
}
