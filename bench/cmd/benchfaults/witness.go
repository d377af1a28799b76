package main

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// event is a line that a node's process writes: one of its fields.
type event struct {
	Listening bool          `json:",omitempty"` // the node begins to listen
	Traffic   time.Duration `json:",omitempty"` // since then, when the first message of a leader was delivered
	Status    *nodeStatus   `json:",omitempty"` // the answer to a question
}

// witness stands between a node and its transport and tells what happens.
type witness struct {
	mu        sync.Mutex
	out       *json.Encoder
	listening time.Time
	traffic   bool // has been told
}

func newWitness(out io.Writer) *witness { return &witness{out: json.NewEncoder(out)} }

func (w *witness) tell(e event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Encode(e)
}

// noteListening is called right before the node listens: what it could take for that counts as waiting for traffic.
func (w *witness) noteListening() error {
	err := w.tell(event{Listening: true})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listening = time.Now()
	return err
}

// noteDelivered tells of the first message that only leaders send.
func (w *witness) noteDelivered(message engine.Message) {
	switch message.(type) {
	case *engine.AppendEntries, *engine.Heartbeat:
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.traffic {
		w.traffic = true
		_ = w.out.Encode(event{Traffic: time.Since(w.listening)}) // without its parent the process ends anyhow
	}
}

func (w *witness) network(_ engine.NodeID, network remote.Network) remote.Network {
	return witnessedNetwork{Network: network, witness: w}
}

type witnessedNetwork struct {
	remote.Network
	witness *witness
}

func (n witnessedNetwork) NewTransport(local remote.Hello) (remote.Transport, error) {
	transport, err := n.Network.NewTransport(local)
	if err != nil {
		return nil, err
	}
	return witnessedTransport{Transport: transport, witness: n.witness}, nil
}

type witnessedTransport struct {
	remote.Transport
	witness *witness
}

func (t witnessedTransport) Start(handler remote.Handler) error {
	if err := t.witness.noteListening(); err != nil {
		return err
	}
	return t.Transport.Start(witnessedHandler{Handler: handler, witness: t.witness})
}

type witnessedHandler struct {
	remote.Handler
	witness *witness
}

func (h witnessedHandler) Deliver(from engine.Peer, message engine.Message, size int) {
	h.witness.noteDelivered(message)
	h.Handler.Deliver(from, message, size)
}
