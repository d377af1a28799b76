package actors

import "github.com/asynkron/protoactor-go/actor"

// Messages that users' actors send to a raft PID for linearizable reads; see [Propose] for how to send them. They hold a
// function, so they stay within the process.
type (
	// Read asks for View to be run against the state machine, a statemachine.Machine, at a point where it sees every write
	// that was acknowledged before; the rules are those of [Node.ReadLinearizable]. The answer is [ReadDone] or
	// [ReadFailed].
	Read struct {
		View func(machine any) (result any)
	}
	// ReadDone carries what View returned.
	ReadDone struct{ Result any }
	// ReadFailed says why View was not run, or that it panicked. Err is one of the errors of Node.ReadLinearizable.
	ReadFailed struct{ Err error }
)

func (c *core) adaptRead(message *Read, sender *actor.PID) any {
	return &read{port: &pidReadPort{core: c, sender: sender, view: message.View}}
}

// pidReadPort answers an actor. It is used once.
type pidReadPort struct {
	core   *core
	sender *actor.PID // nil: nobody waits
	view   func(machine any) any
}

func (p *pidReadPort) serve(_ uint64, machine any) {
	var result any
	err := errGoexit
	defer func() { // also when the view ends the goroutine
		if err != nil {
			p.fail(0, err)
			return
		}
		p.core.reply(p.sender, &ReadDone{Result: result})
	}()
	err = recovered(func() { result = p.view(machine) })
}

func (p *pidReadPort) fail(_ uint64, err error) { p.core.reply(p.sender, &ReadFailed{Err: err}) }
