package check

import "github.com/yggr-go/yggr/engine"

// answers: who asks gets its answer in the Step that takes the question, and the answer names the term of who gives it
// (dissertation §3.3): so a leader and a candidate whose term is over learn of it. Nobody in a term has anything to say of
// term zero. A sign of life and its answer do not wait for a disk, and a leader's entries not for its own (§10.2.1).
func checkAnswers(n *node, event engine.Event, actions []engine.Action) error {
	question, term := asks(event)
	answered := question == nil || term >= n.status.Term || n.status.Term == 0
	for _, action := range actions {
		send, ok := action.(*engine.Send)
		if !ok {
			continue
		}
		if send.Wait && hurries(send.Message) {
			return violated("answers", "%v lets %T to %v wait for its disk", n.peer.ID, send.Message, send.To)
		}
		if err := n.conflicts(send); err != nil {
			return err
		}
		given, number, ok := answerOf(send.Message)
		if !ok {
			continue
		}
		if given == 0 || given != n.status.Term && !grantsPreVote(send.Message) {
			return violated("answers", "%v answers %v for term %d and is in term %d", n.peer.ID, send.To, given, n.status.Term)
		}
		if question != nil && send.To == question.From.ID {
			answered = true
			if term < n.status.Term && number != 0 {
				return violated("answers", "%v repeats number %d to %v, whose term is over", n.peer.ID, number, send.To)
			}
		}
	}
	if !answered {
		return violated("answers", "%v is in term %d and does not tell %v, who speaks for term %d", n.peer.ID, n.status.Term, question.From.ID, term)
	}
	return nil
}

// conflicts holds that a rejection names where the conflicting term begins (§3.5), so that a leader skips all of it.
func (n *node) conflicts(send *engine.Send) error {
	m, ok := send.Message.(*engine.AppendEntriesResponse)
	if !ok || m.Accepted || m.Conflict.Term == 0 || m.Conflict.Index <= n.status.Base.Index+1 {
		return nil
	}
	if e, found := n.memory.log.at(m.Conflict.Index - 1); found && e.Term == m.Conflict.Term {
		return violated("answers", "%v tells %v of a conflict at %v, and the term begins earlier", n.peer.ID, send.To, m.Conflict)
	}
	return nil
}

// asks returns a question and the term that it is asked in.
func asks(event engine.Event) (*engine.Incoming, engine.Term) {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return nil, 0
	}
	switch m := incoming.Message.(type) {
	case *engine.RequestPreVote:
		return incoming, m.Term
	case *engine.RequestVote:
		return incoming, m.Term
	case *engine.AppendEntries:
		return incoming, m.Term
	case *engine.Heartbeat:
		return incoming, m.Term
	default:
	}
	return nil, 0
}

// answerOf returns the term of an answer, and the number that it repeats.
func answerOf(message engine.Message) (term engine.Term, number engine.SendNumber, ok bool) {
	switch m := message.(type) {
	case *engine.RequestPreVoteResponse:
		return m.Term, 0, true
	case *engine.RequestVoteResponse:
		return m.Term, 0, true
	case *engine.AppendEntriesResponse:
		return m.Term, m.Number, true
	case *engine.HeartbeatResponse:
		return m.Term, m.Number, true
	default:
	}
	return 0, 0, false
}

func grantsPreVote(message engine.Message) bool {
	m, ok := message.(*engine.RequestPreVoteResponse)
	return ok && m.Granted
}

// hurries reports whether a message must not wait for the sender's disk.
func hurries(message engine.Message) bool {
	switch message.(type) {
	case *engine.AppendEntries, *engine.Heartbeat, *engine.HeartbeatResponse, *engine.TimeoutNow:
		return true
	default:
	}
	return false
}
