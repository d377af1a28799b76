package links

import (
	"errors"
	"sync"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// Mesh is the links between the nodes of one cluster, made as routes are. Silence, Heal and Close are called by one
// goroutine at a time.
type Mesh struct {
	silent []*link // since Silence

	mu     sync.Mutex
	links  map[pair]*link
	failed error // a link that could not be made
}

// ErrSilent is returned where one node is silent already.
var ErrSilent = errors.New("links: a node is silent already")

// pair is who dials whom.
type pair struct{ from, to engine.NodeID }

// NewMesh returns a mesh without links.
func NewMesh() *Mesh { return &Mesh{links: make(map[pair]*link)} }

// Network wraps the network of a node: what it dials leads through the mesh.
func (m *Mesh) Network(node engine.NodeID, network remote.Network) remote.Network {
	return linkedNetwork{Network: network, node: node, mesh: m}
}

// route returns the address at which from dials to.
func (m *Mesh) route(from, to engine.NodeID, target string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.links[pair{from, to}]
	if l == nil {
		var err error
		if l, err = newLink(); err != nil {
			m.failed = err
			return "", err
		}
		m.links[pair{from, to}] = l
	}
	l.lead(target)
	return l.address(), nil
}

// Silence lets nothing pass to or from a node any more, and returns when all of its links are silent: the last step
// takes microseconds for all of them. Links are made as nodes learn their routes, and only those that are there go
// silent, so the node has to be up. One node can be silent at a time.
func (m *Mesh) Silence(node engine.NodeID) error {
	if m.silent != nil {
		return ErrSilent
	}
	own, err := m.of(node)
	if err != nil {
		return err
	}
	if err := each(own, (*link).bar); err != nil {
		return err
	}
	m.silent = own
	for _, l := range own {
		l.flow.shut()
	}
	return nil
}

// Heal ends the silence, if there is one. What waited passes, connections that either side has given up end, and new
// ones are made.
func (m *Mesh) Heal() error {
	healed := m.silent
	m.silent = nil
	for _, l := range healed {
		l.flow.open()
	}
	return each(healed, (*link).unbar)
}

// each does something to every link at once.
func each(links []*link, do func(*link) error) error {
	problems := make([]error, len(links))
	var running sync.WaitGroup
	for i, l := range links {
		running.Go(func() { problems[i] = do(l) })
	}
	running.Wait()
	return errors.Join(problems...)
}

// of returns the links to and from a node.
func (m *Mesh) of(node engine.NodeID) (own []*link, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, l := range m.links {
		if p.from == node || p.to == node {
			own = append(own, l)
		}
	}
	return own, m.failed
}

// Close ends every link and waits for what it started. Nodes that still run find nobody any more.
func (m *Mesh) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.links {
		l.close()
	}
}

type linkedNetwork struct {
	remote.Network
	node engine.NodeID
	mesh *Mesh
}

func (n linkedNetwork) NewTransport(local remote.Hello) (remote.Transport, error) {
	transport, err := n.Network.NewTransport(local)
	if err != nil {
		return nil, err
	}
	return linkedTransport{Transport: transport, node: n.node, mesh: n.mesh}, nil
}

type linkedTransport struct {
	remote.Transport
	node engine.NodeID
	mesh *Mesh
}

// SetRoute leads through the mesh. Without a link there is no route, and Silence tells why.
func (t linkedTransport) SetRoute(to engine.NodeID, address string) {
	if through, err := t.mesh.route(t.node, to, address); err == nil {
		t.Transport.SetRoute(to, through)
	}
}
