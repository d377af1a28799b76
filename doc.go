// Package yggr is the map of this module: a Raft library whose runtime is protoactor-go actors. It holds no code;
// import github.com/yggr-go/yggr/actors to run a node.
//
// The engine decides, actors do:
//
//	              your program
//	       commands │       ▲ responses
//	┌───────────────▼───────┴──────────────────────────────────────┐
//	│ actors     the node: driver, ticker, persistence, apply, …   │
//	└──┬──────────────┬──────────────────┬──────────────────┬──────┘
//	   │ events ▼     │                  │                  │
//	   │ actions ▲    │                  │                  │
//	┌──▼─────┐ ┌──────▼──────┐ ┌─────────▼───┐ ┌────────────▼──┐
//	│ engine │ │ persistence │ │ remote      │ │ statemachine  │
//	│ Raft   │ │ the log     │ │ the wire    │ │ yours         │
//	└────────┘ └─────────────┘ └─────────────┘ └───────────────┘
//
//	  - engine is the protocol as a pure function: one event in, an ordered list of actions out. It can be used
//	    without the rest.
//	  - persistence keeps log and hard state, on disk or in memory.
//	  - remote carries messages between nodes.
//	  - statemachine is what an application implements.
//	  - actors joins them into a running node.
//	  - testkit runs whole clusters of nodes in virtual time, for tests.
//
// To read the code, begin with engine/event.go and engine/action.go, which are the whole of what an engine can
// be told and can ask, then engine/engine.go, where Step hands each event to the file that is named after it.
// docs/design.md gives the contracts between the packages and their reasons.
package yggr
