package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yggr-go/yggr/internal/loopback"
)

// closeBehind is how many entries a learner may lack when it is promoted, and a node that came back when the next one
// goes. Under load some are always on their way.
const closeBehind = 256

// node is one member as its operator knows it, running or not.
type node struct {
	id            int
	dir           string
	peer, clients string   // addresses
	process       *process // nil: down
}

// cluster is what an operator has: processes, and a client to give orders with.
type cluster struct {
	binary string
	dir    string
	nodes  map[int]*node
	book   *addressBook // what clients are told
	met    tally        // what the operator was told besides OK, by kind
}

// add makes a node, which does not run yet.
func (c *cluster) add(id int) (*node, error) {
	peer, err := loopback.Address()
	if err != nil {
		return nil, err
	}
	clients, err := loopback.Address()
	if err != nil {
		return nil, err
	}
	n := &node{id: id, dir: filepath.Join(c.dir, fmt.Sprint("n", id)), peer: peer, clients: clients}
	c.nodes[id] = n
	return n, nil
}

// start runs a node and returns when it serves.
func (c *cluster) start(ctx context.Context, n *node, bootstrap string) error {
	p, err := launch(c.binary, []string{
		"--node-id", fmt.Sprint(n.id), "--cluster", "dynamic", "--data-dir", n.dir, "--bootstrap", bootstrap,
		"--peer-addr", n.peer, "--client-addr", n.clients,
	})
	if err != nil {
		return err
	}
	n.process = p
	if err := p.awaitReady(ctx); err != nil {
		return fmt.Errorf("n%d: %w", n.id, err)
	}
	c.tellClients()
	return nil
}

// stop ends a node cleanly.
func (c *cluster) stop(ctx context.Context, n *node) error {
	p := n.process
	if err := p.stop(ctx); err != nil {
		return fmt.Errorf("n%d: %w", n.id, err)
	}
	n.process = nil
	c.tellClients()
	return nil
}

// kill ends a node with SIGKILL.
func (c *cluster) kill(n *node) error {
	p := n.process
	p.kill()
	n.process = nil
	c.tellClients()
	return p.check()
}

// killAll ends what still runs.
func (c *cluster) killAll() {
	for _, n := range c.nodes {
		if n.process != nil {
			n.process.kill()
		}
	}
}

// lastWords prints the end of what each running node has logged.
func (c *cluster) lastWords(w io.Writer) {
	for _, n := range c.running() {
		fmt.Fprintf(w, "--- n%d\n", n.id)
		lines := strings.Split(strings.TrimSpace(n.process.stderr.String()), "\n")
		for _, line := range lines[max(0, len(lines)-15):] {
			fmt.Fprintln(w, line)
		}
	}
}

func (c *cluster) running() []*node {
	var running []*node
	for _, id := range slices.Sorted(maps.Keys(c.nodes)) {
		if c.nodes[id].process != nil {
			running = append(running, c.nodes[id])
		}
	}
	return running
}

func (c *cluster) tellClients() {
	var addresses []string
	for _, n := range c.running() {
		addresses = append(addresses, n.clients)
	}
	if len(addresses) > 0 {
		c.book.set(addresses)
	}
}

// members is the answer to RAFT MEMBERS JSON.
type members struct {
	Node    int
	Role    string
	Members []member
}

type member struct {
	ID     int
	Role   string
	State  string
	Behind *int
}

// String prints {n1 n2 | n3}, learners behind the bar.
func (m members) String() string {
	var voters, learners []string
	for _, member := range m.Members {
		name := fmt.Sprint("n", member.ID)
		if member.Role == "voter" {
			voters = append(voters, name)
		} else {
			learners = append(learners, name)
		}
	}
	text := strings.Join(voters, " ")
	if len(learners) > 0 {
		text += " | " + strings.Join(learners, " ")
	}
	return "{" + text + "}"
}

func (m members) find(id int) (member, bool) {
	i := slices.IndexFunc(m.Members, func(m member) bool { return m.ID == id })
	if i < 0 {
		return member{}, false
	}
	return m.Members[i], true
}

// status is the answer to RAFT STATUS JSON.
type status struct {
	Role    string
	Removed bool
	Applied int
	Last    string
}

// ask puts a question to one node and decodes its JSON.
func (c *cluster) ask(n *node, answer any, words ...string) error {
	conn, err := dial(n.clients)
	if err != nil {
		return err
	}
	defer conn.close()
	reply, err := conn.do(append(words, "JSON")...)
	if err != nil {
		return err
	}
	text, isText := reply.(string)
	if !isText {
		return fmt.Errorf("n%d answers %v", n.id, reply)
	}
	return json.Unmarshal([]byte(text), answer)
}

// leader waits for a node that says that it leads, and returns it and what it says of the members.
func (c *cluster) leader(ctx context.Context) (leader *node, m members, err error) {
	err = eventually(ctx, "a leader", func() bool {
		for _, n := range c.running() {
			m = members{}
			if c.ask(n, &m, "RAFT", "MEMBERS") == nil && m.Role == "leader" {
				leader = n
				return true
			}
		}
		return false
	})
	return leader, m, err
}

// followers returns the running members but the leader, ascending.
func (c *cluster) followers(ctx context.Context) ([]*node, error) {
	leader, m, err := c.leader(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(c.running(), func(n *node) bool {
		_, isMember := m.find(n.id)
		return n == leader || !isMember
	}), nil
}

// closeUp waits until the leader knows a member to hold almost all of its log.
func (c *cluster) closeUp(ctx context.Context, id int) error {
	return eventually(ctx, fmt.Sprintf("n%d catches up", id), func() bool {
		_, m, err := c.leader(ctx)
		of, found := m.find(id)
		if err == nil && found && of.Behind == nil {
			return true // it leads itself
		}
		return err == nil && found && of.State == "replicate" && *of.Behind <= closeBehind
	})
}
