package statemachine

import "io"

// Snapshotter is what a [Machine] implements in addition so that the log can be cut (dissertation §5.1): its state can be
// captured, written out while commands go on, and read back. The state of a machine without it is only in the log: no
// snapshots are taken, the log grows for ever, and a node with such a machine that is sent one stops, because it cannot
// follow what was cut.
//
// Capturing is quick and writing is slow. A map may be copied on write, a tree may be persistent, a store may have
// snapshots of its own; a machine without a cheap view may as well encode its state in Snapshot and write that.
type Snapshotter interface {
	// Snapshot captures the state between two commands. It is called like Apply, which waits for it. The result must not
	// change with what is applied or restored later. An error, as when the machine cannot just now, is reported and costs
	// only that the log is kept; it is asked for again later. A panic stops the node, as in Apply.
	Snapshot() (Snapshot, error)
	// Restore reads what a [Snapshot] wrote, perhaps on another node and by an earlier version of the program, into a
	// machine that is fresh: made by New, with nothing applied. What it reads has been verified; damage is an error of
	// the reader, and so is that the node is being stopped. An error or a panic stops the node.
	Restore(body io.Reader) error
}

// Snapshot is a state as it was when it was captured.
type Snapshot interface {
	// WriterTo writes the state. It is called once at most, by another goroutine than Apply and while commands are
	// applied. It should pass the writer's errors on, and end then: the node may want to stop. A panic costs the snapshot
	// and nothing else. Memory is the machine's affair: what it writes piece by piece is never held as a whole.
	io.WriterTo
	// Release says that the state is not needed any more, written or not. It is called once, by any goroutine; not for a
	// state that was captured in the moment in which the node ended.
	Release()
}
