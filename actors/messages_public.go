package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/remote/raftpb"
)

// Messages that users' actors send to a raft PID, as values or pointers. Send them with Request, so that the answer
// finds its way; answers are pointers. Actors
// of other processes send raftpb.ProposeRequest and raftpb.StatusRequest instead.
type (
	// Propose asks for a command to be appended. Command is of the machine's command type. The answer is
	// [Proposed] or [ProposeFailed].
	Propose struct{ Command any }
	// Proposed says that the command was committed and applied; Response is the machine's.
	Proposed struct{ Response any }
	// ProposeFailed says why there is no response. Err is one of the errors of Node.Write.
	ProposeFailed struct{ Err error }
	// GetStatus is answered with a *[Status], also by a failed node; with [ProposeFailed] when too many ask at once.
	GetStatus struct{}
	// GetMetrics is answered with *[NodeMetrics] as GetStatus is with its answer.
	GetMetrics struct{}
	// Shutdown stops the node gracefully. Watch the PID to learn when it has stopped.
	Shutdown struct{}
)

// adapt turns a message for the raft PID into an item of one of its lanes. It runs on the sender's goroutine.
func (c *core) adapt(message any) any {
	content, sender := message, (*actor.PID)(nil)
	if envelope, ok := message.(*actor.MessageEnvelope); ok {
		content, sender = envelope.Message, envelope.Sender
	}
	switch content := content.(type) {
	case *Propose:
		return c.adaptPropose(content, sender)
	case Propose:
		return c.adaptPropose(&content, sender)
	case *raftpb.ProposeRequest:
		return c.adaptProposeRequest(content, sender)
	case *Read:
		return c.adaptRead(content, sender)
	case Read:
		return c.adaptRead(&content, sender)
	case *ChangeMembership:
		return c.adaptChange(content, sender)
	case ChangeMembership:
		return c.adaptChange(&content, sender)
	case *TransferLeadership:
		return c.adaptTransfer(content, sender)
	case TransferLeadership:
		return c.adaptTransfer(&content, sender)
	case *TriggerSnapshot, TriggerSnapshot:
		return &triggerMessage{core: c, sender: sender}
	case *GetStatus, GetStatus:
		return &statusMessage{core: c, sender: sender}
	case *GetMetrics, GetMetrics:
		return &metricsMessage{core: c, sender: sender}
	case *raftpb.StatusRequest:
		return &wireStatus{core: c, sender: sender}
	case *Shutdown, Shutdown:
		return &shutdownRequested{}
	}
	return message
}

func (c *core) adaptPropose(message *Propose, sender *actor.PID) any {
	port := &pidPort{core: c, sender: sender}
	command, err := c.app.encode(message.Command)
	if err == nil && len(command) > c.cfg.MaxCommandBytes {
		err = ErrTooLarge
	}
	if err != nil {
		port.finish(0, err)
		return nil
	}
	return &proposal{commands: [][]byte{command}, size: len(command), reply: port}
}

// pidPort answers an actor. It is used once.
type pidPort struct {
	core     *core
	sender   *actor.PID // nil: nobody waits
	response any
}

func (p *pidPort) put(_ uint64, _ int, response any) { p.response = response }

func (p *pidPort) finish(_ uint64, err error) {
	if err != nil {
		p.core.reply(p.sender, &ProposeFailed{Err: err})
		return
	}
	p.core.reply(p.sender, &Proposed{Response: p.response})
}

// reply answers with the raft actor as sender, which Context.Respond would not.
func (c *core) reply(to *actor.PID, message any) {
	if to != nil {
		c.system.Root.RequestWithCustomSender(to, message, c.pid)
	}
}

// statusMessage is GetStatus in the lane of questions.
type statusMessage struct {
	core   *core
	sender *actor.PID
}

func (q *statusMessage) refuse(err error) { q.core.reply(q.sender, &ProposeFailed{Err: err}) }

// metricsMessage is GetMetrics in the lane of questions.
type metricsMessage struct {
	core   *core
	sender *actor.PID
}

func (q *metricsMessage) refuse(err error) { q.core.reply(q.sender, &ProposeFailed{Err: err}) }
