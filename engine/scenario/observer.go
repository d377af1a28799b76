package scenario

import "github.com/yggr-go/yggr/engine"

// Observer hears what happens in a [Cluster], in the order in which it happens. An error ends the run.
// The actions of Stepped are valid during the call only.
type Observer interface {
	// Started says that a node begins a life with an engine made from recovered.
	Started(peer engine.Peer, recovered engine.Recovered) error
	// Stepped says that an engine took an event, asked for actions, and has the given status now.
	Stepped(id engine.NodeID, event engine.Event, actions []engine.Action, status engine.Status) error
	// Durable says that everything up to seq is synced. It comes before the engine is told.
	Durable(id engine.NodeID, seq engine.Seq) error
	// Left says that a message left its node.
	Left(from, to engine.NodeID, message engine.Message) error
	// Crashed says that a life is over.
	Crashed(id engine.NodeID)
}

// silence is the observer of a cluster that nobody watches.
type silence struct{}

func (silence) Started(engine.Peer, engine.Recovered) error { return nil }
func (silence) Stepped(engine.NodeID, engine.Event, []engine.Action, engine.Status) error {
	return nil
}
func (silence) Durable(engine.NodeID, engine.Seq) error                 { return nil }
func (silence) Left(engine.NodeID, engine.NodeID, engine.Message) error { return nil }
func (silence) Crashed(engine.NodeID)                                   {}
