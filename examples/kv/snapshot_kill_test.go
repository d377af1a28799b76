package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var snapshotKills = flag.Int("snapshot.kills", 2, "how often TestKilledTransfersArrive kills one end of a snapshot's transfer")

// ballast makes snapshots so large that a transfer takes a while: so many values of so many bytes.
const (
	ballastValues = 24
	ballastBytes  = 1 << 20
)

func ballastKey(i int) string { return fmt.Sprint("ballast:", i) }

func ballast(i int) string { return strings.Repeat(fmt.Sprintf("%08d", i), ballastBytes/8) }

// A follower that was away needs a snapshot, and at a random moment of its return it or its leader is killed. However
// often that happens, all nodes end with the same state, and nothing that was acknowledged is missing on any.
func TestKilledTransfersArrive(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay the choices with -chaos.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	cl := startCluster(t, "--snapshot-entries", "100", "--trailing-entries", "10")
	for i := range ballastValues {
		eventually(t, "a value is set", func() bool {
			return cl.leaderClient(t).must(t, "SET", ballastKey(i), ballast(i)) == "OK"
		})
	}
	l := startLoad(t, cl, seed)
	for range *snapshotKills {
		l.killTransfer(t, random)
	}
	l.await(t, 100)
	l.check(t)
	requireSameApplied(t, cl)
	for i := range cl.nodes {
		cl.requireBallast(t, i)
	}
}

// killTransfer has a follower fall behind, and kills it, or the leader, when it has just come back.
func (l *load) killTransfer(t *testing.T, random *rand.Rand) {
	t.Helper()
	cl := l.cluster
	l.await(t, 20)
	leader, _ := cl.leader(t)
	follower := (leader + 1 + random.IntN(2)) % len(cl.nodes)
	cl.kill(follower)
	l.await(t, 400)
	cl.restart(t, follower)
	<-time.After(time.Duration(random.Int64N(int64(300 * time.Millisecond)))) // any moment of the transfer, or right behind it
	victim := follower
	if random.IntN(3) == 0 {
		victim, _ = cl.leader(t)
	}
	cl.kill(victim)
	cl.restart(t, victim)
}

// requireBallast has a node lead and reads everything large from it.
func (cl *cluster) requireBallast(t *testing.T, node int) {
	t.Helper()
	eventually(t, "the node to lead", func() bool {
		leader, _ := cl.leader(t)
		if leader != node {
			c := mustDial(t, cl.clientAddr[leader])
			_, _ = c.do("RAFT", "TRANSFER", fmt.Sprint(node+1))
		}
		return leader == node
	})
	c := mustDial(t, cl.clientAddr[node])
	for i := range ballastValues {
		var got any
		eventually(t, "a leader that is ready", func() bool {
			got = c.must(t, "GET", ballastKey(i))
			_, refused := got.(refused)
			return !refused
		})
		require.True(t, got == ballast(i), "%s at node %d is another, %T", ballastKey(i), node+1, got)
	}
	require.Empty(t, cl.info(node)["failure"])
}
