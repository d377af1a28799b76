package actors_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/testkit"
)

// figures are what one follower and the clients see of a leader: when its match reached each index, and how long each
// write took.
type figures struct {
	matches []engine.Instant
	writes  []time.Duration
}

// trouble is what happens to one of two followers.
type trouble func(v *virtual, leader, bad engine.NodeID)

// figuresWith runs a cluster whose leader takes a write every 7 ms for 2.8 s, with trouble at one follower after the
// first half second, and returns the figures of the other one. Whatever takes time always takes the same, so two runs
// of one seed differ by the trouble alone.
func figuresWith(t *testing.T, happens trouble, prepare func(v *virtual, leader engine.NodeID)) (figures, *virtual) {
	t.Helper()
	v := newVirtual(t, 1, nil)
	v.steady()
	leader := v.AwaitLeader()
	v.Loop.Advance(time.Second)
	before := v.reign()
	good, bad := v.Others(leader)[0], v.Others(leader)[1]
	if prepare != nil {
		prepare(v, leader)
	}
	var f figures
	for i := range 400 {
		if i == 70 {
			happens(v, leader, bad)
		}
		v.propose(leader)
		v.Loop.Run(func() bool {
			for match := matchOf(v.Status(leader), good); len(f.matches) < int(match); {
				f.matches = append(f.matches, v.Loop.Now())
			}
			return false
		}, 7*time.Millisecond)
	}
	v.Loop.Advance(time.Second)
	for _, r := range v.results {
		require.NoError(t, r.Err())
		f.writes = append(f.writes, r.Took())
	}
	require.Equal(t, leader, v.Leader())
	require.Equal(t, before.term, v.Status(leader).Term)
	require.GreaterOrEqual(t, len(f.matches), len(v.results))
	return f, v
}

func matchOf(leader engine.Status, follower engine.NodeID) engine.Index {
	for _, f := range leader.Followers {
		if f.ID == follower {
			return f.Match
		}
	}
	return 0
}

func noTrouble(*virtual, engine.NodeID, engine.NodeID) {}

func TestPeerInTroubleMovesNoFigureOfAnotherPeer(t *testing.T) {
	want, _ := figuresWith(t, noTrouble, nil)
	for name, happens := range map[string]trouble{
		"crashed": func(v *virtual, _, bad engine.NodeID) { v.Crash(bad) },
		"black hole": func(v *virtual, leader, bad engine.NodeID) {
			v.Network.Cut(leader, bad)
			v.Network.Cut(bad, leader)
		},
		"answers get lost": func(v *virtual, leader, bad engine.NodeID) { v.Network.Cut(bad, leader) },
		"far away": func(v *virtual, _, bad engine.NodeID) {
			v.Network.SetLatency(bad, 0, 300*time.Millisecond, 300*time.Millisecond)
		},
		"disk stalled":    func(v *virtual, _, bad engine.NodeID) { v.Loop.Stall(v.place(bad, testkit.Disk)) },
		"machine stalled": func(v *virtual, _, bad engine.NodeID) { v.Loop.Stall(v.place(bad, testkit.Apply)) },
		"driver stalled":  func(v *virtual, _, bad engine.NodeID) { v.Loop.Stall(v.place(bad, testkit.Driver)) },
		"disk takes 200 ms": func(v *virtual, _, bad engine.NodeID) {
			v.Loop.Slow(v.place(bad, testkit.Disk), 200*time.Millisecond, 200*time.Millisecond)
		},
		"stalls and resumes": stallsAndResumes,
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := figuresWith(t, happens, nil)
			require.Equal(t, want.matches, got.matches)
			for i := range want.writes { // one may be faster, when the peer that comes back is the first to answer
				require.LessOrEqual(t, got.writes[i], want.writes[i], "write %d", i)
			}
		})
	}
}

func stallsAndResumes(v *virtual, _, bad engine.NodeID) {
	place := v.place(bad, testkit.Driver)
	for i := range 5 {
		v.Loop.After(time.Duration(i)*400*time.Millisecond, func() { v.Loop.Stall(place) })
		v.Loop.After(time.Duration(i)*400*time.Millisecond+200*time.Millisecond, func() { v.Loop.Resume(place) })
	}
}

// What a peer may have waiting at the driver is bounded, and what is more is dropped and counted. Peers take turns, so what
// one of them floods the driver with costs the others a message at a time, and a client as many as go before it.
func TestFloodingPeerIsCutOffAndCostsOthersNextToNothing(t *testing.T) {
	const flood, quota, turn = 40_000, 8192, time.Microsecond
	const inBetween = (64 + 16) * turn
	slowDriver := func(v *virtual, leader engine.NodeID) { v.Loop.Slow(v.place(leader, testkit.Driver), turn, turn) }
	want, calm := figuresWith(t, noTrouble, slowDriver)
	got, v := figuresWith(t, func(v *virtual, leader, bad engine.NodeID) {
		v.Crash(bad) // and somebody sends in its name
		send := v.impostor(bad, leader)
		for range flood {
			send(&engine.HeartbeatResponse{Term: 1, Number: 1})
		}
	}, slowDriver)
	for i := range want.writes {
		require.LessOrEqual(t, got.writes[i], want.writes[i]+inBetween, "write %d", i)
	}
	for i, at := range want.matches {
		require.LessOrEqual(t, got.matches[i], at+engine.Instant(inBetween), "match %d", i+1)
	}
	require.Zero(t, calm.Metrics(calm.Leader()).Crowded)
	dropped := v.Metrics(v.Leader()).Crowded
	require.LessOrEqual(t, dropped, uint64(flood-quota))
	require.Greater(t, dropped, uint64(flood-quota-1000), "what the driver took while the flood came in made room for a few")
}

// impostor connects to a node in the name of another one, which has to be down, and returns a way to send.
func (v *virtual) impostor(as, to engine.NodeID) func(engine.Message) {
	v.t.Helper()
	m := v.Metrics(to)
	member, ok := m.Membership.Lookup(as)
	require.True(v.t, ok)
	transport, err := v.Network.NewTransport(remote.Hello{
		Cluster:            m.Cluster,
		Peer:               engine.Peer{ID: as, Incarnation: member.Incarnation},
		MinElectionTimeout: electionTimeoutMin,
		Epoch:              1,
	})
	require.NoError(v.t, err)
	require.NoError(v.t, transport.Start(deaf{}))
	v.t.Cleanup(func() { require.NoError(v.t, transport.Close()) })
	transport.SetRoute(to, remote.InProcessAddress(to))
	return func(message engine.Message) { transport.Send(to, message) }
}

// deaf hears nothing.
type deaf struct{}

func (deaf) PeerSeen(remote.Hello)                    {}
func (deaf) Deliver(engine.Peer, engine.Message, int) {}

func (deaf) DeliverChunk(engine.Peer, *remote.Chunk) {}

func (deaf) DeliverChunkAck(engine.Peer, remote.ChunkAck) {}
