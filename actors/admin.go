package actors

import (
	"context"

	"github.com/yggr-go/yggr/engine"
)

// Admin changes the membership of the cluster. It may be used by many goroutines. Every call goes
// to the leader's node; others answer with [NotLeaderError].
//
// A cluster changes by one node at a time (dissertation §4.1): each call returns when its change is committed, and until
// then others get [ErrChangeInProgress]. To grow, add a learner, wait until Status shows that it has caught up, and
// promote it: a voter that has to be brought up first is one that the others may need meanwhile.
//
// Errors of changes, all of which say that nothing was changed: [NotLeaderError], [ErrNoLeader], [ErrBusy],
// [ErrShutdown], [ErrNotReady], [ErrChangeInProgress], [ErrUnknownNode], [ErrAlreadyVoter], [ErrAlreadyLearner],
// [ErrNotLearner], [ErrInvalidTargetMembership], [ErrNotReached], [ErrTooFarBehind], [ErrRejected], [FatalError],
// [ErrDriverDead]. With an [OutcomeUnknownError] the change may have been made or may yet be: look at the membership.
type Admin struct{ core *core }

// Admin returns the administration of the node's cluster.
func (n *Node[C, R]) Admin() *Admin { return &Admin{core: n.core} }

// Receipt tells of a change that was made: it stands at Position and led to Membership. Later changes may have
// followed.
type Receipt struct {
	Position   engine.Position
	Membership engine.Membership
}

// ChangeOption is [Force] or [OfIncarnation].
type ChangeOption func(*engine.ConfigChange)

// Force promotes a learner although it is far behind, or, together with [OfIncarnation], adds a voter although the
// leader has not reached it. The cluster may stop until that node has caught up.
func Force() ChangeOption { return func(c *engine.ConfigChange) { c.Force = true } }

// OfIncarnation adds this life of the node and no other. Without it the life that the leader has met is meant.
func OfIncarnation(incarnation engine.Incarnation) ChangeOption {
	return func(c *engine.ConfigChange) { c.Incarnation = incarnation }
}

// AddVoter adds a node that counts from now on. Start it with [Join] first, so that the leader can reach it at the
// address, host:port.
func (a *Admin) AddVoter(ctx context.Context, id engine.NodeID, address string, options ...ChangeOption) (Receipt, error) {
	return a.change(ctx, engine.ConfigChange{Kind: engine.ChangeAddVoter, Target: id, Address: address}, options)
}

// AddLearner adds a node that receives the log and counts nowhere. It may be started later.
func (a *Admin) AddLearner(ctx context.Context, id engine.NodeID, address string, options ...ChangeOption) (Receipt, error) {
	return a.change(ctx, engine.ConfigChange{Kind: engine.ChangeAddLearner, Target: id, Address: address}, options)
}

// Promote makes a learner a voter.
func (a *Admin) Promote(ctx context.Context, id engine.NodeID, options ...ChangeOption) (Receipt, error) {
	return a.change(ctx, engine.ConfigChange{Kind: engine.ChangePromote, Target: id}, options)
}

// Demote makes a voter a learner. A leader that demotes itself steps down when the change is committed.
func (a *Admin) Demote(ctx context.Context, id engine.NodeID) (Receipt, error) {
	return a.change(ctx, engine.ConfigChange{Kind: engine.ChangeDemote, Target: id}, nil)
}

// Remove removes a voter or a learner. Its node goes on, is passive, and says so in its Status; stop it afterwards. A
// leader that removes itself steps down when the change is committed: transfer leadership first to avoid the gap.
func (a *Admin) Remove(ctx context.Context, id engine.NodeID) (Receipt, error) {
	return a.change(ctx, engine.ConfigChange{Kind: engine.ChangeRemove, Target: id}, nil)
}

// UpdateAddress changes where a member is dialled. Its role stays.
func (a *Admin) UpdateAddress(ctx context.Context, id engine.NodeID, address string) (Receipt, error) {
	return a.change(ctx, engine.ConfigChange{Kind: engine.ChangeUpdateAddress, Target: id, Address: address}, nil)
}

func (a *Admin) change(ctx context.Context, change engine.ConfigChange, options []ChangeOption) (Receipt, error) {
	if err := ctx.Err(); err != nil {
		return Receipt{}, err
	}
	for _, option := range options {
		option(&change)
	}
	q := &changeCall{future: newFuture[Receipt](), asked: change}
	a.core.mailbox.PostUserMessage(q)
	select {
	case <-q.done:
		return q.value, q.err
	case <-ctx.Done():
		return Receipt{}, unknown(engine.Position{}, context.Cause(ctx))
	}
}

// TransferLeadership hands leadership to a voter, or to the one that holds most of the log if the target is zero
// (dissertation §3.10), and returns when that one is known to lead. Until then the leader answers [ErrBusy].
//
// Errors: [NotLeaderError], [ErrNoLeader], [ErrShutdown] and [FatalError] as elsewhere; [ErrInvalidTarget] when the
// target is this node or no voter, or when no voter answers; [ErrBusy] when another transfer is under way;
// [ErrTransferAborted] when somebody else leads now; [ErrTransferTimedOut] after an election timeout. When the context
// ends first the transfer goes on without its caller, and the context's cause is returned.
func (n *Node[C, R]) TransferLeadership(ctx context.Context, target engine.NodeID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q := &transferCall{future: newFuture[struct{}](), to: target}
	n.core.mailbox.PostUserMessage(q)
	_, err := q.wait(ctx)
	return err
}
