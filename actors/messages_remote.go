package actors

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// Actors of other processes speak protobuf with a raft PID: the same questions as in messages_public.go, with
// commands and responses as the codec's bytes. What they send is not trusted: bytes that do not decode would stop
// every node that applies them, so they are decoded before they are let in.

func (c *core) adaptProposeRequest(message *raftpb.ProposeRequest, sender *actor.PID) any {
	port := &wirePort{core: c, sender: sender}
	command := message.GetCommand()
	if err := c.checkCommand(command); err != nil {
		port.finish(0, err)
		return nil
	}
	return &proposal{commands: [][]byte{command}, size: len(command), reply: port}
}

// checkCommand tells what is wrong with bytes that are proposed as a command. It runs the user's code, and may be called by
// several goroutines.
func (c *core) checkCommand(data []byte) error {
	if len(data) > c.cfg.MaxCommandBytes {
		return ErrTooLarge
	}
	return c.app.check(data)
}

// wirePort answers an actor of another process. It is used once.
type wirePort struct {
	core     *core
	sender   *actor.PID
	response []byte
	err      error // of encoding the response: the command was applied, but its answer cannot be told
}

func (p *wirePort) put(_ uint64, _ int, response any) {
	p.response, p.err = p.core.app.encodeResponse(response)
}

func (p *wirePort) finish(_ uint64, err error) {
	if err == nil && p.err != nil {
		err = &OutcomeUnknownError{Cause: fmt.Errorf("applied, but the response does not encode: %w", p.err)}
	}
	answer := &raftpb.ProposeResponse{}
	if err != nil {
		answer.Result = &raftpb.ProposeResponse_Error{Error: wireError(err)}
	} else {
		answer.Result = &raftpb.ProposeResponse_Response{Response: p.response}
	}
	p.core.reply(p.sender, answer)
}

func wireError(err error) *raftpb.ProposeError {
	w := &raftpb.ProposeError{Kind: wireErrorKind(err), Text: err.Error()}
	if moved, ok := errors.AsType[*NotLeaderError](err); ok {
		w.LeaderId, w.LeaderAddress = uint64(moved.Leader), moved.Address
	}
	if unknown, ok := errors.AsType[*OutcomeUnknownError](err); ok {
		w.Index, w.Term = uint64(unknown.Index), uint64(unknown.Term)
	}
	return w
}

// wireErrorKind goes from the most to the least particular: an outcome that is unknown may wrap a fatal cause,
// and what matters to the caller is that it is unknown.
func wireErrorKind(err error) raftpb.ProposeErrorKind {
	for _, known := range []struct {
		kind error
		wire raftpb.ProposeErrorKind
	}{
		{ErrOutcomeUnknown, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_OUTCOME_UNKNOWN},
		{ErrNotLeader, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_NOT_LEADER},
		{ErrNoLeader, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_NO_LEADER},
		{ErrBusy, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_BUSY},
		{ErrRejected, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_BUSY}, // certainly not applied: retry
		{ErrShutdown, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_SHUTDOWN},
		{ErrTooLarge, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_TOO_LARGE},
		{ErrBadCommand, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_INVALID_COMMAND},
		{ErrDriverDead, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_DRIVER_DEAD},
		{ErrFatal, raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_FATAL},
	} {
		if errors.Is(err, known.kind) {
			return known.wire
		}
	}
	return raftpb.ProposeErrorKind_PROPOSE_ERROR_KIND_UNSPECIFIED
}

// wireStatus is StatusRequest in the lane of questions.
type wireStatus struct {
	core   *core
	sender *actor.PID
}

func (q *wireStatus) refuse(err error) {
	q.core.reply(q.sender, &raftpb.StatusResponse{Id: uint64(q.core.cfg.ID), Failure: err.Error()})
}

func (q *wireStatus) resolve(s *Status) {
	answer := &raftpb.StatusResponse{
		Id:        uint64(s.ID),
		Role:      wireRole(s.Role),
		Term:      uint64(s.Term),
		LeaderId:  uint64(s.Leader),
		Commit:    uint64(s.Commit),
		Applied:   uint64(s.Applied),
		LastTerm:  uint64(s.Last.Term),
		LastIndex: uint64(s.Last.Index),
	}
	if leader, ok := s.Membership.Lookup(s.Leader); ok {
		answer.LeaderAddress = leader.Address
	}
	if s.Err != nil {
		answer.Failure = s.Err.Error()
	}
	q.core.reply(q.sender, answer)
}

func wireRole(role engine.Role) raftpb.NodeRole {
	switch role {
	case engine.Follower:
		return raftpb.NodeRole_NODE_ROLE_FOLLOWER
	case engine.PreCandidate:
		return raftpb.NodeRole_NODE_ROLE_PRE_CANDIDATE
	case engine.Candidate:
		return raftpb.NodeRole_NODE_ROLE_CANDIDATE
	case engine.Leader:
		return raftpb.NodeRole_NODE_ROLE_LEADER
	}
	return raftpb.NodeRole_NODE_ROLE_FOLLOWER
}
