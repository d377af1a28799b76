package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInvariantsNotice damages a healthy leader in each way that an invariant speaks of.
func TestInvariantsNotice(t *testing.T) {
	cases := map[string]func(*alone){
		"indexes rise by one":                              func(a *alone) { a.log.at(a.log.base.Index + 5).Index = 9 },
		"terms never fall along the log":                   func(a *alone) { a.log.at(a.log.base.Index + 5).Term = 1 },
		"unapplied is the size of the log above applied":   func(a *alone) { a.unapplied++ },
		"no entry is of a term to come":                    func(a *alone) { a.state.Term, a.saved.Term = 1, 1 },
		"configurations are of the log":                    func(a *alone) { a.log.configurations[1].index = 9 },
		"configurations ascend":                            func(a *alone) { a.log.configurations[0].index = 2 },
		"configurations are of configuration entries":      func(a *alone) { a.log.configurations[1].index = 3 },
		"nothing is applied before it is handed out":       func(a *alone) { a.appliedUpTo(3); a.handed = 1 },
		"nothing is handed out before it is committed":     func(a *alone) { a.handed = 4 },
		"nothing is handed out before it is durable":       func(a *alone) { a.disk.durable = 2 },
		"nothing is committed beyond the log":              func(a *alone) { a.commit = 9 },
		"nothing is durable beyond the log":                func(a *alone) { a.disk.durable = 9 },
		"later writes make more durable":                   func(a *alone) { a.disk.pending.front().last = 1 },
		"every entry is durable or on its way to the disk": func(a *alone) { a.disk.pending.back().last = 4 },
		"term and vote are on their way to the disk":       func(a *alone) { a.saved.Vote = 3 },
		"who campaigns or leads voted for itself":          func(a *alone) { a.state.Vote, a.saved.Vote = 3, 3 },
		"a leader's term and vote are durable":             func(a *alone) { a.voteSeq = 99 },
		"a leader follows itself":                          func(a *alone) { a.leader = 2 },
		"only a leader has followers":                      func(a *alone) { a.role, a.leader = Follower, 2 },
		"a follower does not follow itself":                func(a *alone) { a.role = Follower },
		"who campaigns follows nobody":                     func(a *alone) { a.role = PreCandidate },
		"a leader knows of the change in flight":           func(a *alone) { a.inFlight = 3 },
		"nobody is leaving without a change in flight":     func(a *alone) { a.followers[0].leaving = true },
		"nobody campaigns before its transfer has ended":   func(a *alone) { a.role, a.leader, a.transfer.target = Candidate, 0, 2 },
		"followers ascend":                                 func(a *alone) { a.followers[0], a.followers[1] = a.followers[1], a.followers[0] },
		"match is below next":                              func(a *alone) { a.followers[0].match = 9 },
		"next is at most the end of the log":               func(a *alone) { a.followers[0].next = 9 },
		"appends in flight ascend above match":             func(a *alone) { a.followers[0].inflight.front().last = 3 },
		"inflight bytes are the sum of what is in flight":  func(a *alone) { a.followers[0].inflightBytes++ },
		"next follows what is in flight":                   func(a *alone) { a.followers[0].next-- },
		"only replication has a window":                    func(a *alone) { a.followers[0].state = probing },
		"what comes next is in the log": func(a *alone) {
			a.appliedUpTo(1)
			a.log.compact(1)
			a.snapshot, a.sinceSnapshot = SnapshotMeta{ID: 7, Position: a.log.base}, 0
			p := a.followers[0]
			p.match, p.next, p.state = 0, 1, probing
			p.forgetInflight()
		},
		"only who needs a snapshot is promised one": func(a *alone) { a.followers[0].transfer = &transfer{} },
		"the log goes on where the snapshot ends, or before": func(a *alone) {
			a.appliedUpTo(3)
			a.log.compact(3)
		},
		"the snapshot is of this log":                                  func(a *alone) { a.snapshot.Position = Position{Term: 9, Index: 2} },
		"a snapshot is of committed entries":                           func(a *alone) { a.snapshot.Position = Position{Term: 2, Index: 4} },
		"a snapshot of our own is of applied entries":                  func(a *alone) { a.snapshot.Position = Position{Term: 2, Index: 3} },
		"bytes since the snapshot are those of what was applied since": func(a *alone) { a.sinceSnapshot++ },
		"applying is the size of what is handed out and not applied":   func(a *alone) { a.applying++ },
		"only followers receive, from their leader, what is news":      func(a *alone) { a.incoming.transfer = 1 },
		"the window holds": func(a *alone) { a.cfg.MaxInflightAppends = 0 },
	}
	for invariant, damage := range cases {
		t.Run(invariant, func(t *testing.T) {
			a := leading(t, nil) // up to 2/3 committed and handed out
			a.propose("x")
			a.propose("y")
			require.NotPanics(t, a.CheckInvariants)
			damage(a)
			message := ""
			func() {
				defer func() { message, _ = recover().(string) }()
				a.CheckInvariants()
			}()
			require.Contains(t, message, "broken invariant: "+invariant)
			require.Contains(t, message, "durable", "the state is shown")
		})
	}
}
