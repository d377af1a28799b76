package check

import (
	"slices"

	"github.com/yggr-go/yggr/engine"
)

// checkElectionQuorum: a leader has a majority of the voters of its own configuration behind it (dissertation
// §3.4), each in the incarnation that the configuration names. Founders that it leaves unbound count only
// while the candidate's log holds nothing but the founders' entry: once there is more, one that comes without a
// binding may be a member that lost what it acknowledged.
func checkElectionQuorum(n *node, before engine.Status, event engine.Event) error {
	n.receiveVote(event)
	if n.status.Role != engine.Leader || (before.Role == engine.Leader && before.Term == n.status.Term) {
		return nil
	}
	newborn := before.Last == engine.Position{Term: 1, Index: 1}
	voters, votes := 0, 0
	for _, member := range before.Membership.Members {
		if member.Role != engine.Voter {
			continue
		}
		voters++
		if n.hasVote(member, newborn) {
			votes++
		}
	}
	if votes <= voters/2 {
		return violated("election quorum", "%v leads term %d with %d votes of the %d voters of %v",
			n.peer.ID, n.status.Term, votes, voters, before.Membership)
	}
	return nil
}

// receiveVote remembers who voted for the node in its newest campaign.
func (n *node) receiveVote(event engine.Event) {
	incoming, ok := event.(*engine.Incoming)
	if !ok {
		return
	}
	vote, ok := incoming.Message.(*engine.RequestVoteResponse)
	if !ok || !vote.Granted || vote.Term < n.votesOf {
		return
	}
	if vote.Term > n.votesOf {
		n.votesOf, n.votes = vote.Term, nil
	}
	n.votes = append(n.votes, incoming.From)
}

func (n *node) hasVote(member engine.Member, newborn bool) bool {
	counts := func(p engine.Peer) bool {
		return p.ID == member.ID && (p.Incarnation == member.Incarnation || (member.Incarnation == 0 && newborn))
	}
	if counts(n.peer) {
		return n.disk.state == voteFor(n.peer, n.status.Term)
	}
	return n.votesOf == n.status.Term && slices.ContainsFunc(n.votes, counts)
}
