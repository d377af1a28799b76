package hops

import (
	"github.com/yggr-go/yggr/bench/yggr"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
)

// wrap puts the recorder between the nodes and the world.
func (r *recorder) wrap() yggr.Wrap {
	return yggr.Wrap{
		FS: func(node engine.NodeID, fsys persistence.FS) persistence.FS {
			return watchedFS{FS: fsys, node: node, recorder: r}
		},
		Network: func(node engine.NodeID, network remote.Network) remote.Network {
			return watchedNetwork{Network: network, node: node, recorder: r}
		},
		Applied: r.apply,
	}
}

type watchedFS struct {
	persistence.FS
	node     engine.NodeID
	recorder *recorder
}

func (w watchedFS) Create(path string) (persistence.File, error) {
	return w.watch(w.FS.Create(path))
}

func (w watchedFS) Open(path string) (persistence.File, error) {
	return w.watch(w.FS.Open(path))
}

func (w watchedFS) watch(f persistence.File, err error) (persistence.File, error) {
	if err != nil {
		return nil, err
	}
	return watchedFile{File: f, node: w.node, recorder: w.recorder}, nil
}

type watchedFile struct {
	persistence.File
	node     engine.NodeID
	recorder *recorder
}

func (w watchedFile) WriteAt(p []byte, offset int64) (int, error) {
	w.recorder.disk(w.node, diskBegin)
	return w.File.WriteAt(p, offset)
}

func (w watchedFile) Sync() error {
	err := w.File.Sync()
	w.recorder.disk(w.node, diskEnd)
	return err
}

type watchedNetwork struct {
	remote.Network
	node     engine.NodeID
	recorder *recorder
}

func (w watchedNetwork) NewTransport(local remote.Hello) (remote.Transport, error) {
	transport, err := w.Network.NewTransport(local)
	if err != nil {
		return nil, err
	}
	return watchedTransport{Transport: transport, watchedNetwork: w}, nil
}

type watchedTransport struct {
	remote.Transport
	watchedNetwork
}

func (w watchedTransport) Start(handler remote.Handler) error {
	return w.Transport.Start(watchedHandler{Handler: handler, watchedNetwork: w.watchedNetwork})
}

func (w watchedTransport) Send(to engine.NodeID, message engine.Message) {
	w.recorder.send(w.node, message)
	w.Transport.Send(to, message)
}

type watchedHandler struct {
	remote.Handler
	watchedNetwork
}

func (w watchedHandler) Deliver(from engine.Peer, message engine.Message, size int) {
	w.recorder.deliver(w.node, from.ID, message)
	w.Handler.Deliver(from, message, size)
}
