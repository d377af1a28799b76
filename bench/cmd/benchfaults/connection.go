package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/yggr-go/yggr/bench/report"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// connections is how many connections are timed.
const connections = 20

// connectionTime returns what it takes to connect to a peer that is there and to introduce oneself: the median of
// several.
func connectionTime() (time.Duration, error) {
	var times []time.Duration
	for range connections {
		took, err := connectOnce()
		if err != nil {
			return 0, err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	return report.Quantile(times, 0.5), nil
}

func connectOnce() (took time.Duration, err error) {
	listener, err := newEndpoint(1, make(seen, 1))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	handshake := make(seen, 1)
	dialler, err := newEndpoint(2, handshake)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, dialler.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begin := time.Now()
	dialler.SetRoute(1, listener.Address())
	select {
	case end := <-handshake:
		return end.Sub(begin), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// newEndpoint returns a transport at work.
func newEndpoint(id engine.NodeID, handler remote.Handler) (remote.Transport, error) {
	network := remote.NewTCP(remote.TCPConfig{Listen: "127.0.0.1:0"})
	transport, err := network.NewTransport(remote.Hello{
		Cluster: engine.ClusterID{Name: "connection"},
		Peer:    engine.Peer{ID: id, Incarnation: engine.Incarnation(id)},
	})
	if err != nil {
		return nil, err
	}
	return transport, transport.Start(handler)
}

// seen has the time of the first handshake.
type seen chan time.Time

// PeerSeen implements [remote.Handler].
func (s seen) PeerSeen(remote.Hello) {
	select {
	case s <- time.Now():
	default:
	}
}

// Deliver implements [remote.Handler].
func (s seen) Deliver(engine.Peer, engine.Message, int) {}

// DeliverChunk implements [remote.Handler].
func (s seen) DeliverChunk(engine.Peer, *remote.Chunk) {}

// DeliverChunkAck implements [remote.Handler].
func (s seen) DeliverChunkAck(engine.Peer, remote.ChunkAck) {}
