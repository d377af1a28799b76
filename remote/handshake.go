package remote

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote/raftpb"
)

// oldestVersion is the oldest wire version that this build still speaks.
const oldestVersion = 1

// snapshotVersion is the first wire version that knows kinds of connections. Whoever does not would take one for
// snapshots for the newest one of the protocol.
const snapshotVersion = 2

// maxRefusalText bounds what a listener says, and what it can put into our log, in bytes.
const maxRefusalText = 512

// bounded cuts a text to maxRefusalText bytes of valid UTF-8, which is what a protobuf string must be.
func bounded(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxRefusalText)], "")
}

// refusal is a handshake that one of the two ends does not accept.
type refusal struct {
	reason raftpb.RefusalReason
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%v: %s", ErrRefused, r.text) }

// Is makes errors.Is(err, ErrRefused) true.
func (r *refusal) Is(target error) bool { return target == ErrRefused }

func refuse(reason raftpb.RefusalReason, format string, args ...any) error {
	return &refusal{reason: reason, text: fmt.Sprintf(format, args...)}
}

// judge decides whether the node that introduces itself as remote may talk with local. Both ends judge.
func judge(local, remote Hello) error {
	switch {
	case !local.Cluster.Same(remote.Cluster):
		return refuse(raftpb.RefusalReason_REFUSAL_REASON_WRONG_CLUSTER,
			"%v is of cluster %v, this node of %v", remote.Peer.ID, remote.Cluster, local.Cluster)
	case local.Peer.ID == remote.Peer.ID:
		return refuse(raftpb.RefusalReason_REFUSAL_REASON_SAME_ID, "this node is %v itself", remote.Peer.ID)
	}
	return nil
}

func helloToWire(h Hello) *raftpb.Hello {
	w := &raftpb.Hello{
		Version: WireVersion, OldestVersion: oldestVersion,
		Cluster: h.Cluster.Name, NodeId: uint64(h.Peer.ID), Incarnation: uint64(h.Peer.Incarnation),
		Epoch: h.Epoch, Address: h.Address, MinElectionTimeoutNs: int64(h.MinElectionTimeout), Kind: h.kind,
	}
	if h.Cluster.Pinned() {
		w.Founders = h.Cluster.Founders[:]
	}
	if h.kind == raftpb.ConnectionKind_CONNECTION_KIND_SNAPSHOT {
		w.OldestVersion = snapshotVersion
	}
	return w
}

// helloFromWire checks every field. Versions come first: nothing else of a foreign version means anything.
func helloFromWire(w *raftpb.Hello) (Hello, error) {
	if w.GetVersion() < oldestVersion || w.GetOldestVersion() > WireVersion {
		return Hello{}, refuse(raftpb.RefusalReason_REFUSAL_REASON_WRONG_VERSION,
			"peer speaks wire versions %d..%d, this node %d..%d", w.GetOldestVersion(), w.GetVersion(), oldestVersion, WireVersion)
	}
	h := Hello{
		Cluster:            engine.ClusterID{Name: w.GetCluster()},
		Peer:               engine.Peer{ID: engine.NodeID(w.GetNodeId()), Incarnation: engine.Incarnation(w.GetIncarnation())},
		Address:            w.GetAddress(),
		MinElectionTimeout: time.Duration(w.GetMinElectionTimeoutNs()),
		Version:            w.GetVersion(),
		Epoch:              w.GetEpoch(),
		kind:               w.GetKind(),
	}
	copy(h.Cluster.Founders[:], w.GetFounders())
	if err := validateHello(h, len(w.GetFounders())); err != nil {
		return Hello{}, refuse(raftpb.RefusalReason_REFUSAL_REASON_INVALID_HELLO, "invalid hello: %v", err)
	}
	return h, nil
}

func validateHello(h Hello, founders int) error {
	switch {
	case h.Peer.ID == 0:
		return errors.New("node id is zero")
	case h.Peer.Incarnation == 0:
		return errors.New("incarnation is zero")
	case h.Cluster.Name == "" || len(h.Cluster.Name) > engine.MaxClusterName:
		return fmt.Errorf("cluster name of %d bytes", len(h.Cluster.Name))
	case !utf8.ValidString(h.Cluster.Name):
		return errors.New("cluster name is not UTF-8")
	case founders != 0 && founders != len(h.Cluster.Founders):
		return fmt.Errorf("founders' hash of %d bytes", founders)
	case raftpb.ConnectionKind_name[int32(h.kind)] == "":
		return fmt.Errorf("connection of unknown kind %d", h.kind)
	case h.MinElectionTimeout < 0:
		return errors.New("negative minimum election timeout")
	}
	return validateAddress(h.Address)
}

// readHandshake reads the one frame that a handshake expects. The limit is small: nobody is trusted yet.
func readHandshake(r *bufio.Reader, into proto.Message) error {
	body, err := readFrame(r, maxHandshakeBytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err := proto.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: not a handshake: %w", ErrRefused, err)
	}
	return nil
}

func writeHandshake(conn net.Conn, m proto.Message) error {
	frame, err := protoFrame(m)
	if err != nil {
		return err
	}
	_, err = conn.Write(frame)
	return err
}

// introduce is the dialler's half of the handshake: it returns what the listener, which should be the node to, says of
// itself. The caller has set a deadline.
func introduce(conn net.Conn, r *bufio.Reader, local Hello, to engine.NodeID) (Hello, error) {
	hello := helloToWire(local)
	hello.ToNodeId = uint64(to)
	if err := writeHandshake(conn, hello); err != nil {
		return Hello{}, err
	}
	var answer raftpb.HelloAnswer
	if err := readHandshake(r, &answer); err != nil {
		return Hello{}, err
	}
	if r := answer.GetRefusal(); r != nil {
		return Hello{}, refuse(r.GetReason(), "the peer says: %q", bounded(r.GetText()))
	}
	remote, err := helloFromWire(answer.GetWelcome())
	if err != nil {
		return Hello{}, err
	}
	if err := judge(local, remote); err != nil {
		return Hello{}, err
	}
	if to != 0 && remote.Peer.ID != to {
		return Hello{}, refuse(raftpb.RefusalReason_REFUSAL_REASON_WRONG_NODE, "%v answers, not %v", remote.Peer.ID, to)
	}
	return remote, nil
}

// readHello is the first part of the listener's half: who is it, and what for?
func readHello(r *bufio.Reader, local Hello) (Hello, error) {
	var hello raftpb.Hello
	if err := readHandshake(r, &hello); err != nil {
		return Hello{}, err
	}
	remote, err := helloFromWire(&hello)
	if err != nil {
		return Hello{}, err
	}
	if err := judge(local, remote); err != nil {
		return Hello{}, err
	}
	if to := engine.NodeID(hello.GetToNodeId()); to != 0 && to != local.Peer.ID {
		return Hello{}, refuse(raftpb.RefusalReason_REFUSAL_REASON_WRONG_NODE, "this node is %v, not %v", local.Peer.ID, to)
	}
	return remote, nil
}

// welcomeHello is the second: the listener introduces itself.
func welcomeHello(conn net.Conn, local Hello) error {
	return writeHandshake(conn, &raftpb.HelloAnswer{
		Answer: &raftpb.HelloAnswer_Welcome{Welcome: helloToWire(local)},
	})
}

// refuseHello is the other second part: why not. A stranger that does not even speak the protocol gets no answer.
func refuseHello(conn net.Conn, verdict error) error {
	var r *refusal
	if !errors.As(verdict, &r) {
		return nil
	}
	return writeHandshake(conn, &raftpb.HelloAnswer{
		Answer: &raftpb.HelloAnswer_Refusal{Refusal: &raftpb.Refusal{Reason: r.reason, Text: bounded(r.text)}},
	})
}
