package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// promises reports whether a message promises what a crash could take back, and so must wait for the disk.
func promises(m Message) bool {
	switch m := m.(type) {
	case *RequestVote:
		return true
	case *RequestVoteResponse:
		return m.Granted
	case *AppendEntriesResponse:
		return m.Accepted
	default:
	}
	return false
}

// history drives a trio at random: lost messages, repeated ones, slow disks, restarts. See is called after each
// step of each node with what the engine wanted.
func history(t testing.TB, seed uint64, steps int, see func(n *trioNode, actions []Action)) *trio {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 99))
	c := newTrio(t, 3)
	for _, n := range c.nodes {
		n.record = true
	}
	c.see = see
	c.loses = func(_, _ NodeID, m Message) bool {
		if random.IntN(20) == 0 {
			c.queue = append(c.queue, trioMessage{from: c.nodes[random.IntN(3)].peer, to: NodeID(1 + random.IntN(3)), m: m})
		}
		return random.IntN(10) == 0
	}
	for range steps {
		n := c.nodes[random.IntN(3)]
		switch random.IntN(12) {
		case 0:
			n.silent = !n.silent
		case 1:
			c.step(n, &Persisted{Now: c.now, Seq: n.seq})
		case 2, 3, 4:
			c.propose(n, fmt.Sprint(random.IntN(100)), "y")
		case 5, 6:
			for len(c.queue) > 0 && random.IntN(4) > 0 {
				c.deliverOne()
			}
		default:
			c.tick()
		}
	}
	return c
}

// TestOrderContract: whatever happens, exactly the promises wait for the disk, writes are numbered without a gap,
// and nothing is handed out before it is durable.
func TestOrderContract(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(8) {
		seqs := map[NodeID]Seq{}
		history(t, seed, 250, func(n *trioNode, actions []Action) {
			for _, action := range actions {
				switch a := action.(type) {
				case *PersistHardState:
					require.Equal(t, seqs[n.peer.ID]+1, a.Seq)
					seqs[n.peer.ID] = a.Seq
				case *PersistLogEntries:
					require.Equal(t, seqs[n.peer.ID]+1, a.Seq)
					require.NotEmpty(t, a.Entries)
					require.Equal(t, len(a.Entries), cap(a.Entries))
					seqs[n.peer.ID] = a.Seq
				case *Send:
					require.Equal(t, promises(a.Message), a.Wait, "%T %+v", a.Message, a.Message)
					require.NotEqual(t, n.peer.ID, a.To)
					kinds[fmt.Sprintf("%T %t", a.Message, a.Wait)]++
				case *Apply:
					require.LessOrEqual(t, a.Entries[len(a.Entries)-1].Index, n.engine.disk.durable)
				default:
				}
			}
		})
	}
	require.GreaterOrEqual(t, len(kinds), 10, "every kind of message was seen: %v", kinds)
}

// TestMessagesRestOnWhatWasWritten: the term that a waiting message speaks for was written before it.
func TestMessagesRestOnWhatWasWritten(t *testing.T) {
	for seed := range uint64(4) {
		written := map[NodeID]HardState{}
		history(t, seed, 250, func(n *trioNode, actions []Action) {
			for _, action := range actions {
				switch a := action.(type) {
				case *PersistHardState:
					written[n.peer.ID] = a.State
				case *Send:
					state, known := written[n.peer.ID]
					if a.Wait && known {
						require.Equal(t, state.Term, a.Message.MessageTerm())
					}
					if vote, ok := a.Message.(*RequestVoteResponse); ok && vote.Granted {
						require.Equal(t, a.To, state.Vote)
					}
				default:
				}
			}
		})
	}
}

// TestSameEventsSameActions: a node that is given the recorded events of another, and the same seed, does the
// same to the letter.
func TestSameEventsSameActions(t *testing.T) {
	for seed := range uint64(5) {
		told := map[NodeID][]string{}
		c := history(t, seed, 300, func(n *trioNode, actions []Action) {
			told[n.peer.ID] = append(told[n.peer.ID], describe(actions))
		})
		for _, n := range c.nodes {
			cfg := DefaultConfig(n.peer.ID)
			cfg.Incarnation = n.peer.Incarnation
			cfg.Random = rand.NewPCG(uint64(n.peer.ID), 7)
			again, err := New(cfg, Recovered{HardState: HardState{Term: 1}, Entries: []Entry{n.founders}})
			require.NoError(t, err)
			require.Greater(t, len(n.events), 100)
			for i, event := range n.events {
				require.Equal(t, told[n.peer.ID][i], describe(again.Step(event)), "%v, event %d: %+v", n.peer.ID, i, event)
			}
			require.Equal(t, n.engine.Status(), again.Status())
			require.Equal(t, n.engine.Metrics(), again.Metrics())
		}
	}
}

func describe(actions []Action) string {
	text := ""
	for _, action := range actions {
		if s, ok := action.(*Send); ok {
			text += fmt.Sprintf("to %v, wait %t: %T %+v\n", s.To, s.Wait, s.Message, s.Message)
			continue
		}
		text += fmt.Sprintf("%T %+v\n", action, action)
	}
	return text
}

func TestActionsAreReusedAndWhatTheyPointToIsNot(t *testing.T) {
	a := leading(t, nil)
	first := a.Step(&ClientProposal{Command: []byte("x")})
	message := sent[*AppendEntries](first, 2)[0]
	entries := pick[*PersistLogEntries](first)[0].Entries
	a.Step(&ClientProposal{Command: []byte("y")})
	require.Equal(t, []byte("x"), message.Entries[0].Data)
	require.Len(t, message.Entries, 1)
	require.Equal(t, Index(4), entries[0].Index)
}

// TestTermIsWrittenBeforeItsEntries: a crash between the two writes must not leave a log beyond the term.
func TestTermIsWrittenBeforeItsEntries(t *testing.T) {
	a := newAlone(t, aloneOptions{voters: 3, state: HardState{Term: 3}})
	actions := a.receive(2, &AppendEntries{Term: 5, Number: 1, Prev: Position{Term: 1, Index: 2}, Entries: entriesOf(3, 5)})
	require.Len(t, actions, 3)
	require.Equal(t, HardState{Term: 5}, actions[0].(*PersistHardState).State)
	require.Equal(t, Seq(2), actions[1].(*PersistLogEntries).Seq)
	require.True(t, actions[2].(*Send).Wait)
}
