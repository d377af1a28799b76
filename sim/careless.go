package sim

import "github.com/yggr-go/yggr/engine"

// scribbled is what a careless host leaves behind what it was handed.
var scribbled = engine.Entry{Term: 1, Kind: engine.EntryCommand, Data: []byte("scribbled")}

// scribble does with entries what a host does that appends to them: if there is room behind them, it writes there. What an
// engine hands out is the host's to append to, so nobody may see that.
func scribble(entries []engine.Entry) {
	rest := entries[len(entries):cap(entries)]
	for i := range rest {
		rest[i] = scribbled
	}
}

// scribbleOn does so with the entries that an action hands out.
func scribbleOn(action engine.Action) {
	switch a := action.(type) {
	case *engine.PersistLogEntries:
		scribble(a.Entries)
	case *engine.Apply:
		scribble(a.Entries)
	case *engine.Send:
		if m, ok := a.Message.(*engine.AppendEntries); ok {
			scribble(m.Entries)
		}
	default:
	}
}
