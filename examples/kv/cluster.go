package main

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// clusterNode is a node as clients of Redis Cluster know it.
type clusterNode struct {
	id      engine.NodeID
	address string // where clients connect
	term    engine.Term
}

// cluster answers what cluster-aware clients ask to find the node that serves a slot: the leader, for all slots.
func (c *connection) cluster(words [][]byte) error {
	switch strings.ToLower(string(words[1])) {
	case "slots":
		c.clusterSlots()
	case "nodes":
		c.replies.bulk(c.server.clusterNodes())
	case "info":
		c.replies.bulk(c.server.clusterInfo())
	case "myid":
		c.replies.bulk(clusterID(c.server.id))
	case "keyslot":
		if len(words) != 3 {
			return wrongArity("cluster|keyslot")
		}
		c.replies.integer(int64(keySlot(string(words[2]))))
	default:
		return unknownSubcommand("cluster", words[1])
	}
	return nil
}

// clusterID gives a node the 40 hexadecimal digits that Redis Cluster names nodes by.
func clusterID(id engine.NodeID) string { return fmt.Sprintf("%040x", uint64(id)) }

// clusterSlots answers one range that the leader serves, or none while no leader is confirmed.
func (c *connection) clusterSlots() {
	leader, address, ok := c.server.confirmedLeader()
	host, port, err := net.SplitHostPort(address)
	number, _ := strconv.ParseInt(port, 10, 64) // announced addresses were checked at start
	if !ok || err != nil {
		c.replies.array(0)
		return
	}
	c.replies.array(1)
	c.replies.array(3)
	c.replies.integer(0)
	c.replies.integer(slots - 1)
	c.replies.array(3)
	c.replies.bulk(host)
	c.replies.integer(number)
	c.replies.bulk(clusterID(leader))
}

// known returns this node and all that have announced themselves, ascending.
func (s *server) known() []clusterNode {
	nodes := []clusterNode{{id: s.id, address: s.address, term: s.directory.all()[s.id].Term}}
	for id, a := range s.directory.all() {
		if id != s.id {
			nodes = append(nodes, clusterNode{id: id, address: a.Address, term: a.Term})
		}
	}
	slices.SortFunc(nodes, func(a, b clusterNode) int { return cmp.Compare(a.id, b.id) })
	return nodes
}

// clusterNodes has one line a node: id, address@bus-port, flags, master, ping, pong, epoch, link, slots. Nodes that
// never led are missing, because their client addresses are not known here.
func (s *server) clusterNodes() string {
	leader, _, ok := s.confirmedLeader()
	var b strings.Builder
	for _, node := range s.known() {
		role, master, owned := "slave", "-", ""
		switch {
		case ok && node.id == leader:
			role, owned = "master", fmt.Sprintf(" 0-%d", slots-1)
		case ok:
			master = clusterID(leader)
		}
		if node.id == s.id {
			role = "myself," + role
		}
		fmt.Fprintf(&b, "%s %s@0 %s %s 0 0 %d connected%s\n", clusterID(node.id), node.address, role, master, node.term, owned)
	}
	return b.String()
}

func (s *server) clusterInfo() string {
	state, assigned := "fail", 0
	if _, _, ok := s.confirmedLeader(); ok {
		state, assigned = "ok", slots
	}
	return fmt.Sprintf("cluster_enabled:1\r\ncluster_state:%s\r\ncluster_slots_assigned:%d\r\ncluster_slots_ok:%d\r\n"+
		"cluster_known_nodes:%d\r\ncluster_size:1\r\n", state, assigned, assigned, len(s.known()))
}
