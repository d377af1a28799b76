package actors

import (
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// Messages between the actors of a node: orders in the imperative, facts in the past tense. Each carries the
// epoch of the driver's incarnation that it belongs to; a message of another epoch is dropped. A slice that is
// sent is given away.

// driverMessage is what the driver's control lane carries.
//
//sumtype:decl
type driverMessage interface{ toDriver() }

// Facts for the driver.
type (
	// ticked is wall time passing; at most one is queued.
	ticked struct{ epoch uint64 }
	// peerMessage is a validated message of a peer.
	peerMessage struct {
		epoch   uint64
		from    engine.Peer
		message engine.Message
		size    int
		quota   *quota // to give size back to

		badCommand error // of a forwarded proposal that must not be proposed
	}
	// peerSeen is a handshake with a peer.
	peerSeen struct {
		epoch uint64
		hello remote.Hello
		quota *quota // to give back to
	}
	// storageOpened answers openStorage.
	storageOpened struct {
		epoch     uint64
		identity  persistence.Identity
		recovered persistence.Recovered
		snapshots keptSnapshots
		gauges    gauges
		err       error
	}
	// persisted says that all orders up to seq are durable.
	persisted struct {
		epoch uint64
		seq   engine.Seq
	}
	// persistenceFailed says that a write failed; nothing that waited has left.
	persistenceFailed struct {
		epoch uint64
		err   error
	}
	// storageFlushed answers flushStorage: everything ordered before it is durable, unless persistenceFailed came
	// first.
	storageFlushed struct{ epoch uint64 }
	// storageClosed answers closeStorage.
	storageClosed struct {
		epoch uint64
		err   error
	}
	// applied says that the machine has applied everything up to index.
	applied struct {
		epoch uint64
		index engine.Index
	}
	// applyFailed says that an entry cannot be applied.
	applyFailed struct {
		epoch uint64
		err   error
	}
	// applyDrained answers drainApply: everything ordered before it is applied, unless applyFailed came first.
	applyDrained struct{ epoch uint64 }
	// transportOpened answers openTransport.
	transportOpened struct {
		epoch     uint64
		transport remote.Transport
		err       error
	}
	// shutdownRequested comes from the node's handle or from a Shutdown message.
	shutdownRequested struct{}
)

func (*ticked) toDriver()            {}
func (*peerMessage) toDriver()       {}
func (*peerSeen) toDriver()          {}
func (*storageOpened) toDriver()     {}
func (*persisted) toDriver()         {}
func (*persistenceFailed) toDriver() {}
func (*storageFlushed) toDriver()    {}
func (*storageClosed) toDriver()     {}
func (*applied) toDriver()           {}
func (*applyFailed) toDriver()       {}
func (*applyDrained) toDriver()      {}
func (*transportOpened) toDriver()   {}
func (*shutdownRequested) toDriver() {}

// persistenceMessage is what the persistence actor takes.
//
//sumtype:decl
type persistenceMessage interface{ toPersistence() }

type (
	// openStorage opens or creates the node's state.
	openStorage struct{ start start }
	// persistOrder is the records of one step, up to seq, and the messages that wait for them and for
	// everything ordered before.
	persistOrder struct {
		seq     engine.Seq
		records []persistRecord
		commit  engine.Index // as known when the order was given; a hint
		sends   []outgoing
	}
	// pinCluster records a joiner's full cluster id.
	pinCluster struct{ id engine.ClusterID }
	// sealLog marks the end of an idle log, so that damage behind it is told from a torn write.
	sealLog struct{}
	// flushStorage asks for storageFlushed once everything before it is durable.
	flushStorage struct{}
	// closeStorage closes and unlocks.
	closeStorage struct{}
)

func (*openStorage) toPersistence()  {}
func (*persistOrder) toPersistence() {}
func (*pinCluster) toPersistence()   {}
func (*sealLog) toPersistence()      {}
func (*flushStorage) toPersistence() {}
func (*closeStorage) toPersistence() {}

// persistRecord is a switch to a snapshot if there is one, or entries when there are any, or a hard state.
type persistRecord struct {
	state   engine.HardState
	entries []engine.Entry
	change  *persistence.SnapshotSwitch
}

// outgoing is a message on its way to a peer.
type outgoing struct {
	to      engine.NodeID
	message engine.Message
}

// applyMessage is what the apply actor takes.
//
//sumtype:decl
type applyMessage interface{ toApply() }

type (
	// applyOrder is committed entries in log order, and who waits for them.
	applyOrder struct {
		entries []engine.Entry
		waiters []waiter
	}
	// leadershipLost says that nothing beyond handed will be handed over on behalf of waiters.
	leadershipLost struct{ handed engine.Index }
	// drainApply asks for applyDrained once everything before it is applied.
	drainApply struct{}
)

func (*applyOrder) toApply()     {}
func (*readOrder) toApply()      {}
func (*leadershipLost) toApply() {}
func (*drainApply) toApply()     {}

// transportMessage is what the transport actor takes.
//
//sumtype:decl
type transportMessage interface{ toTransport() }

type (
	// openTransport makes the transport and begins to receive.
	openTransport struct{ hello remote.Hello }
	// setRoutes adds and changes the routes of members.
	setRoutes struct{ members []engine.Member }
	// dropRoute forgets the way to a node that left the membership long ago.
	dropRoute struct{ id engine.NodeID }
)

func (*openTransport) toTransport() {}
func (*setRoutes) toTransport()     {}
func (*dropRoute) toTransport()     {}
