package main

import (
	"errors"
	"strings"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// adminAdvice says for each refusal what its reply begins with and what to do. Every one of them means that nothing was
// changed.
var adminAdvice = []struct {
	kind   error
	reply  string
	advice string // {node} is the node that the request was about
}{
	{actors.ErrNotReady, "TRYAGAIN", "the leader is new and does not know yet what is committed: repeat in a moment"},
	{actors.ErrSnapshotInProgress, "TRYAGAIN", "a snapshot is being taken: repeat in a moment"},
	{actors.ErrSnapshotFailed, "FAILED", "the snapshot could not be written, see the log of this node; its log is kept as it was"},
	{actors.ErrBusy, "TRYAGAIN", "leadership is being handed over: repeat in a moment"},
	{actors.ErrShutdown, "TRYAGAIN", "this node is shutting down: ask another"},
	{actors.ErrRejected, "TRYAGAIN", "another leader took over before the change was made"},
	{actors.ErrChangeInProgress, "CHANGEINPROGRESS", "the change before is not committed yet: wait for its answer"},
	{actors.ErrUnknownNode, "UNKNOWNNODE", "{node} is no member: see RAFT MEMBERS"},
	{actors.ErrAlreadyVoter, "ALREADYVOTER", "{node} is a voter: RAFT UPDATE-ADDRESS changes its address"},
	{actors.ErrAlreadyLearner, "ALREADYLEARNER", "{node} is a learner: RAFT PROMOTE makes it a voter, RAFT UPDATE-ADDRESS changes its address"},
	{actors.ErrNotLearner, "NOTLEARNER", "{node} is a voter already"},
	{actors.ErrInvalidTargetMembership, "INVALIDMEMBERSHIP", "a cluster keeps one voter at least, and every member has an address"},
	{actors.ErrNotReached, "NOTREACHED", "the leader has not met {node}: start it with --bootstrap join, and begin with RAFT ADD-LEARNER"},
	{actors.ErrTooFarBehind, "TOOFARBEHIND", "{node} lacks too much of the log: wait until RAFT MEMBERS shows it close, or add FORCE"},
	{actors.ErrInvalidTarget, "INVALIDTARGET", "only another voter that answers can take over: see RAFT MEMBERS"},
	{actors.ErrTransferAborted, "ABORTED", "another node than the target leads: see RAFT STATUS"},
	{actors.ErrTransferTimedOut, "TIMEDOUT", "the target did not take over in time, and may yet: see RAFT STATUS"},
}

// adminRefusal is the reply for a request of the administration that was not done, or of which nobody knows whether it
// was. That is asked first: an error that says so may wrap one that alone would not.
func (s *server) adminRefusal(id engine.NodeID, err error) replyError {
	if !errors.Is(err, actors.ErrOutcomeUnknown) {
		for _, a := range adminAdvice {
			if errors.Is(err, a.kind) {
				return replyError(a.reply + " " + strings.ReplaceAll(a.advice, "{node}", id.String()))
			}
		}
		if errors.Is(err, actors.ErrNotLeader) || errors.Is(err, actors.ErrNoLeader) {
			return replyError(s.redirection(Command{}))
		}
	}
	return replyError("UNKNOWN it may have been done, or may yet be: see RAFT MEMBERS and RAFT STATUS: " + err.Error())
}
