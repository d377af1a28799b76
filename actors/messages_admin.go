package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// Messages that administer the cluster, as values or pointers, for users' actors. See [Admin] and
// Node.TransferLeadership for what they mean and for the errors.
type (
	// ChangeMembership is answered with a *[Receipt] or with [ProposeFailed].
	ChangeMembership struct{ Change engine.ConfigChange }
	// TransferLeadership is answered with [LeadershipTransferred] or with [ProposeFailed]. Target zero means the voter
	// that holds most of the log.
	TransferLeadership struct{ Target engine.NodeID }
	// LeadershipTransferred says that another node leads: the target, if there was one.
	LeadershipTransferred struct{}
)

// changeMessage is ChangeMembership in the lane of questions.
type changeMessage struct {
	pidPort
	asked engine.ConfigChange
}

func (q *changeMessage) change() engine.ConfigChange { return q.asked }
func (q *changeMessage) refuse(err error)            { q.pidPort.finish(0, err) }

func (q *changeMessage) finish(_ uint64, err error) {
	receipt, ok := q.response.(Receipt)
	if err != nil || !ok {
		q.refuse(err)
		return
	}
	q.core.reply(q.sender, &receipt)
}

// transferMessage is TransferLeadership in the lane of questions.
type transferMessage struct {
	core   *core
	sender *actor.PID
	to     engine.NodeID
}

func (q *transferMessage) target() engine.NodeID { return q.to }
func (q *transferMessage) refuse(err error)      { q.core.reply(q.sender, &ProposeFailed{Err: err}) }

func (q *transferMessage) transferred() { q.core.reply(q.sender, &LeadershipTransferred{}) }

func (c *core) adaptChange(message *ChangeMembership, sender *actor.PID) any {
	return &changeMessage{pidPort: pidPort{core: c, sender: sender}, asked: message.Change}
}

func (c *core) adaptTransfer(message *TransferLeadership, sender *actor.PID) any {
	return &transferMessage{core: c, sender: sender, to: message.Target}
}
