package engine_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/yggr-go/yggr/engine"
)

// host carries out what one engine asks. Its disk and its state machine answer at once.
type host struct {
	self    engine.Peer
	engine  *engine.Engine
	network *[]letter
}

// letter is a message on its way.
type letter struct {
	from    engine.Peer
	to      engine.NodeID
	message engine.Message
}

func (h *host) handle(event engine.Event) {
	var written engine.Seq
	var applied engine.Index
	for _, action := range h.engine.Step(event) {
		switch a := action.(type) {
		case *engine.PersistHardState:
			written = a.Seq // to the disk, and sync
		case *engine.PersistLogEntries:
			written = a.Seq
		case *engine.Send:
			*h.network = append(*h.network, letter{from: h.self, to: a.To, message: a.Message})
		case *engine.Apply:
			applied = a.Entries[len(a.Entries)-1].Index
			for _, entry := range a.Entries {
				if entry.Kind == engine.EntryCommand {
					fmt.Printf("%v applies %v: %s\n", h.self.ID, entry.Position(), entry.Data)
				}
			}
		default:
		}
	}
	if written > 0 {
		h.handle(&engine.Persisted{Seq: written})
	}
	if applied > 0 {
		h.handle(&engine.Applied{Index: applied})
	}
}

// Three engines elect a leader and agree on a command.
func Example() {
	members, _ := engine.NewMembership(
		engine.Member{ID: 1, Role: engine.Voter}, engine.Member{ID: 2, Role: engine.Voter}, engine.Member{ID: 3, Role: engine.Voter})
	founders, _ := engine.FoundersEntry(members)

	var network []letter
	hosts := map[engine.NodeID]*host{}
	for _, id := range members.Voters() {
		cfg := engine.DefaultConfig(id)
		cfg.Incarnation = engine.Incarnation(id) * 11
		cfg.Random = rand.NewPCG(1, uint64(id))
		node, err := engine.New(cfg, engine.Recovered{HardState: engine.HardState{Term: 1}, Entries: []engine.Entry{founders}})
		if err != nil {
			fmt.Println(err)
			return
		}
		hosts[id] = &host{self: engine.Peer{ID: id, Incarnation: cfg.Incarnation}, engine: node, network: &network}
	}

	leader := hosts[1]
	for now := engine.Instant(0); leader.engine.Role() != engine.Leader; now += 50_000_000 {
		leader.handle(&engine.Tick{Now: now}) // only n1 hears its clock, so n1 campaigns
		deliver(&network, hosts, now)
	}
	leader.handle(&engine.ClientProposal{Command: []byte("x = 1")})
	deliver(&network, hosts, 0)
	// Output:
	// n1 applies 2/4: x = 1
	// n2 applies 2/4: x = 1
	// n3 applies 2/4: x = 1
}

func deliver(network *[]letter, hosts map[engine.NodeID]*host, now engine.Instant) {
	for len(*network) > 0 {
		next := (*network)[0]
		*network = (*network)[1:]
		hosts[next.to].handle(&engine.Incoming{Now: now, From: next.from, Message: next.message})
	}
}
