package engine

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawCounting draws a leader n1 and what it knows of the others: roles, lives, match indexes, losses, silence.
func drawCounting(t *rapid.T) *Engine {
	last := Index(rapid.IntRange(1, 9).Draw(t, "last"))
	e := &Engine{cfg: DefaultConfig(1), counts: rapid.Bool().Draw(t, "counts")}
	e.disk.durable = Index(rapid.IntRange(0, int(last)).Draw(t, "durable"))
	for id := 2; id <= rapid.IntRange(1, 8).Draw(t, "nodes"); id++ {
		e.followers = append(e.followers, &progress{
			Member:     Member{ID: NodeID(id), Role: rapid.SampledFrom([]MemberRole{Voter, Voter, Learner}).Draw(t, "role")},
			match:      Index(rapid.IntRange(0, int(last)).Draw(t, "match")),
			countsFrom: Index(rapid.SampledFrom([]int{1, 1, 1, 4}).Draw(t, "from")),
			state:      rapid.SampledFrom([]progressState{probing, replicating, dataLost}).Draw(t, "state"),
			silence:    rapid.SampledFrom([]int{0, 9, 10, 99}).Draw(t, "silence"),
		})
	}
	return e
}

// TestQuorumAgainstBruteForce: an index is committed exactly if more than half of the voters hold it, and a leader
// hears a quorum exactly if more than half answer, each counted one by one.
func TestQuorumAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawCounting(t)
		voters := 0
		holders := func(index Index) (count int) {
			voters = 0
			if e.counts {
				voters++
				if e.disk.durable >= index {
					count++
				}
			}
			for _, p := range e.followers {
				if p.Role != Voter {
					continue
				}
				voters++
				if p.match >= index && p.match >= p.countsFrom && p.state != dataLost {
					count++
				}
			}
			return count
		}
		want := Index(0)
		for index := Index(1); index <= 9; index++ {
			if count := holders(index); 2*count > voters && voters > 0 {
				want = index
			}
		}
		require.Equal(t, want, e.quorumMatch())

		heard := 0
		if e.counts {
			heard++
		}
		for _, p := range e.followers {
			if p.Role == Voter && p.state != dataLost && p.silence+1 <= e.cfg.ElectionTimeoutMinTicks {
				heard++
			}
		}
		require.Equal(t, 2*heard > voters, e.hearsQuorum())
	})
}

// TestElectionAgainstBruteForce: a campaign is won when more than half of the voters granted, lost when so many refused
// that no completion of the answers wins, and open between.
func TestElectionAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &Engine{cfg: DefaultConfig(1)}
		var members []Member
		missing, voters, yes := 0, 0, 0
		for id := NodeID(1); id <= NodeID(rapid.IntRange(1, 8).Draw(t, "nodes")); id++ {
			m := Member{ID: id, Role: rapid.SampledFrom([]MemberRole{Voter, Voter, Learner}).Draw(t, "role")}
			members = append(members, m)
			answer := rapid.SampledFrom([]string{"none", "granted", "refused"}).Draw(t, "answer")
			if answer != "none" {
				e.ballot = append(e.ballot, vote{id: id, granted: answer == "granted"})
			}
			if m.Role == Voter {
				voters++
				switch answer {
				case "none":
					missing++
				case "granted":
					yes++
				}
			}
		}
		e.log.register([]configurationAt{{index: 1, Configuration: Configuration{Membership: Membership{Members: members}}}})
		want := pending
		switch {
		case 2*yes > voters:
			want = won
		case 2*(yes+missing) <= voters:
			want = lost
		}
		require.Equal(t, want, e.outcome())
	})
}

// drawConfigChange draws a change of a small world, mostly one that makes sense.
func drawConfigChange(t *rapid.T) (ConfigChange, Incarnation) {
	return ConfigChange{
		Kind:    ChangeKind(rapid.IntRange(int(ChangeAddVoter), int(ChangeUpdateAddress)).Draw(t, "kind")),
		Target:  NodeID(rapid.IntRange(1, 6).Draw(t, "target")),
		Address: "h:1",
	}, Incarnation(rapid.IntRange(1, 3).Draw(t, "incarnation"))
}

// TestMajoritiesOverlap: over any sequence of changes, each majority of the voters before a change has a node, in one
// life, in common with each majority after it (dissertation §4.1). Two leaders of neighbouring configurations cannot
// both decide.
func TestMajoritiesOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Membership{Members: []Member{{ID: 1, Incarnation: 1, Role: Voter, Address: "h:1"}}}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			change, incarnation := drawConfigChange(t)
			next, reason := m.after(change, incarnation)
			if reason != 0 {
				continue
			}
			require.NoError(t, next.validate())
			requireOverlap(t, m, next)
			m = next
		}
	})
}

func requireOverlap(t require.TestingT, before, after Membership) {
	var nodes []Peer
	mask := func(m Membership) (voters uint) {
		for _, member := range m.Members {
			if member.Role != Voter {
				continue
			}
			peer := Peer{ID: member.ID, Incarnation: member.Incarnation}
			at := slices.Index(nodes, peer)
			if at < 0 {
				nodes, at = append(nodes, peer), len(nodes)
			}
			voters |= 1 << at
		}
		return voters
	}
	old, next := mask(before), mask(after)
	for a := range uint(1) << len(nodes) {
		for b := range uint(1) << len(nodes) {
			if isMajority(a, old) && isMajority(b, next) {
				require.NotZero(t, a&b, "%v and %v", before, after)
			}
		}
	}
}

func isMajority(set, voters uint) bool {
	return set&^voters == 0 && 2*bits.OnesCount(set) > bits.OnesCount(voters)
}

// TestRollbackEqualsReplay: a log that was truncated goes by the same configuration as one that never held what was
// removed.
func TestRollbackEqualsReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rolled log
		m := Membership{Members: []Member{{ID: 1, Incarnation: 1, Role: Voter, Address: "h:1"}}}
		founders := Configuration{Change: ChangeFounders, Membership: m}
		rolled.append(Entry{Term: 1, Index: 1, Kind: EntryConfiguration, Data: founders.Encode()})
		rolled.register([]configurationAt{{index: 1, Configuration: founders}})
		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "truncates") == 0 && rolled.lastIndex() > 1 {
				rolled.truncate(Index(rapid.IntRange(2, int(rolled.lastIndex())).Draw(t, "from")))
			}
			entry := Entry{Term: Term(step + 1), Index: rolled.lastIndex() + 1, Kind: EntryCommand}
			var registered []configurationAt
			change, incarnation := drawConfigChange(t)
			if next, reason := rolled.configuration().Membership.after(change, incarnation); reason == 0 {
				c := Configuration{Change: change.Kind, Target: change.Target, Membership: next}
				entry.Kind, entry.Data = EntryConfiguration, c.Encode()
				registered = []configurationAt{{index: entry.Index, Configuration: c}}
			}
			rolled.append(entry)
			rolled.register(registered)

			var replayed log
			found, err := decodeConfigurations(rolled.all())
			require.NoError(t, err)
			replayed.register(found)
			require.Equal(t, replayed.configurations, rolled.configurations)
			require.Equal(t, replayed.members(), rolled.members())
			require.Equal(t, replayed.unbound, rolled.unbound)
		}
	})
}

// TestOneChangeInFlight: whatever is asked for and whoever answers, a leader has one change under way at most, and
// accepts no other before that is committed.
func TestOneChangeInFlight(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := ready(t, 3, 1)
		for id := NodeID(5); id <= 6; id++ {
			a.meets(id)
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			if a.role != Leader || len(a.followers) == 0 {
				break
			}
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				change, _ := drawConfigChange(rt)
				before := a.uncommittedChanges()
				_, accepted := a.change(change).(*ConfigChangeAccepted)
				require.False(rt, accepted && before > 0)
			case 1:
				a.sync()
			default:
				p := a.followers[rapid.IntRange(0, len(a.followers)-1).Draw(rt, "who")]
				if p.Incarnation == peer(p.ID).Incarnation {
					a.accept(p.ID, Index(rapid.IntRange(int(p.match), int(a.log.lastIndex())).Draw(rt, "match")))
				}
			}
			require.LessOrEqual(rt, a.uncommittedChanges(), 1, fmt.Sprint(a.lines))
		}
	})
}

func (a *alone) uncommittedChanges() int {
	count := 0
	for _, c := range a.log.configurations {
		if c.index > a.commit && c.Change != ChangeBind {
			count++
		}
	}
	return count
}
