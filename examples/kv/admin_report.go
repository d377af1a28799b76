package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// helpReport lists the subcommands.
type helpReport struct {
	Requests []helpLine `json:"requests"`
}

type helpLine struct {
	Usage  string `json:"usage"`
	Effect string `json:"effect"`
}

func (s *server) adminHelp(context.Context, adminWords) (report, error) { return newHelpReport(), nil }

func newHelpReport() *helpReport {
	r := &helpReport{}
	for _, request := range adminRequests() {
		r.Requests = append(r.Requests, helpLine{Usage: request.usage(), Effect: request.effect})
	}
	return r
}

func (r *helpReport) writeText(w *replyWriter) { w.lines(r.lines()) }

func (r *helpReport) lines() []string {
	lines := make([]string, 0, len(r.Requests))
	for _, request := range r.Requests {
		lines = append(lines, request.Usage+": "+request.Effect)
	}
	return lines
}

// memberReport is one member as the answering node sees it. How far it is, only the leader knows.
type memberReport struct {
	ID          uint64  `json:"id"`
	Role        string  `json:"role"` // voter or learner
	Address     string  `json:"address"`
	Incarnation string  `json:"incarnation,omitempty"` // empty: no leader has met this node yet
	Clients     string  `json:"clients,omitempty"`     // where its clients connect; known of those that have led
	Leads       bool    `json:"leads,omitempty"`
	State       string  `json:"state,omitempty"`
	Match       *uint64 `json:"match,omitempty"`  // the index up to which it is known to hold the log
	Behind      *uint64 `json:"behind,omitempty"` // how many entries of the leader's log are not known to be there
}

// membersReport tells who belongs to the cluster.
type membersReport struct {
	Node    uint64         `json:"node"` // which answers
	Role    string         `json:"role"` // which it plays: leader, follower, …
	Term    uint64         `json:"term"`
	Leader  uint64         `json:"leader"` // 0: none is known
	Members []memberReport `json:"members"`
}

// ownStatus asks the node, which answers even when nobody leads.
func (s *server) ownStatus(ctx context.Context) (actors.Status, error) {
	status, err := s.store.Status(ctx)
	if err != nil {
		return status, replyError("TRYAGAIN the node did not answer: " + err.Error())
	}
	return status, nil
}

func (s *server) members(ctx context.Context, _ adminWords) (report, error) {
	status, err := s.ownStatus(ctx)
	if err != nil {
		return nil, err
	}
	return &membersReport{
		Node: uint64(status.ID), Role: status.Role.String(), Term: uint64(status.Term), Leader: uint64(status.Leader),
		Members: s.memberReports(status),
	}, nil
}

func (s *server) memberReports(status actors.Status) []memberReport {
	members := s.plainMembers(status.Membership)
	for i := range members {
		m := &members[i]
		m.Leads = m.ID == uint64(status.Leader)
		for _, f := range status.Followers {
			if uint64(f.ID) == m.ID {
				match, behind := uint64(f.Match), uint64(status.Last.Index-min(f.Match, status.Last.Index))
				m.State, m.Match, m.Behind = f.State, &match, &behind
			}
		}
	}
	return members
}

// plainMembers tells of each member what the log says.
func (s *server) plainMembers(membership engine.Membership) []memberReport {
	directory := s.directory.all()
	members := make([]memberReport, 0, len(membership.Members))
	for _, m := range membership.Members {
		r := memberReport{
			ID: uint64(m.ID), Role: m.Role.String(), Address: m.Address, Clients: directory[m.ID].Address,
		}
		if m.Incarnation != 0 {
			r.Incarnation = incarnationText(m.Incarnation)
		}
		members = append(members, r)
	}
	return members
}

func incarnationText(incarnation engine.Incarnation) string {
	return fmt.Sprintf("%016x", uint64(incarnation))
}

func (r *membersReport) writeText(w *replyWriter) {
	lines := make([]string, 0, len(r.Members))
	for _, m := range r.Members {
		lines = append(lines, m.line())
	}
	w.lines(lines)
}

func (m *memberReport) line() string {
	words := []string{fmt.Sprintf("n%d %s %s", m.ID, m.Role, m.Address)}
	if m.Leads {
		words = append(words, "leader")
	}
	if m.Match != nil {
		words = append(words, fmt.Sprintf("%s match=%d behind=%d", m.State, *m.Match, *m.Behind))
	}
	if m.Incarnation == "" {
		words = append(words, "not-met-yet")
	}
	if m.Clients != "" {
		words = append(words, "clients="+m.Clients)
	}
	return strings.Join(words, " ")
}

// statusReport tells of the answering node alone.
type statusReport struct {
	Node        uint64 `json:"node"`
	Cluster     string `json:"cluster"`
	Role        string `json:"role"`
	Term        uint64 `json:"term"`
	Leader      uint64 `json:"leader"`  // 0: none is known
	Member      string `json:"member"`  // voter, learner, or none
	Removed     bool   `json:"removed"` // it was a member, and knows that it is none any more
	Last        string `json:"last"`    // position of the newest entry, term/index
	Durable     uint64 `json:"durable"`
	Commit      uint64 `json:"commit"`
	Applied     uint64 `json:"applied"`
	Address     string `json:"peer_address"`
	Clients     string `json:"client_address"`
	Incarnation string `json:"incarnation"`
}

func (s *server) status(ctx context.Context, _ adminWords) (report, error) {
	status, err := s.ownStatus(ctx)
	if err != nil {
		return nil, err
	}
	member := "none"
	if m, known := status.Membership.Lookup(s.id); known {
		member = m.Role.String()
	}
	return &statusReport{
		Node: uint64(s.id), Cluster: s.cluster, Role: status.Role.String(), Term: uint64(status.Term), Leader: uint64(status.Leader),
		Member: member, Removed: status.Removed,
		Last: status.Last.String(), Durable: uint64(status.Durable), Commit: uint64(status.Commit), Applied: uint64(status.Applied),
		Address: status.Address, Clients: s.address, Incarnation: incarnationText(status.Incarnation),
	}, nil
}

func (r *statusReport) writeText(w *replyWriter) {
	var lines []string
	for _, l := range []line{
		{"node", r.Node},
		{"cluster", r.Cluster},
		{"role", r.Role},
		{"term", r.Term},
		{"leader", r.Leader},
		{"member", r.Member},
		{"removed", r.Removed},
		{"last", r.Last},
		{"durable", r.Durable},
		{"commit", r.Commit},
		{"applied", r.Applied},
		{"peer_address", r.Address},
		{"client_address", r.Clients},
		{"incarnation", r.Incarnation},
	} {
		lines = append(lines, fmt.Sprintf("%s:%v", l.name, l.value))
	}
	w.lines(lines)
}

// receiptReport tells of a change that was made. Later changes may have followed.
type receiptReport struct {
	Position string         `json:"position"` // of its entry, term/index
	Members  []memberReport `json:"members"`

	membership engine.Membership
}

func (s *server) receipt(r actors.Receipt) report {
	return &receiptReport{Position: r.Position.String(), Members: s.plainMembers(r.Membership), membership: r.Membership}
}

// writeText gives the new membership in brackets, learners behind the bar: OK 3/17 {n1 n2 | n3}.
func (r *receiptReport) writeText(w *replyWriter) {
	w.status(fmt.Sprintf("OK %s %v", r.Position, r.membership))
}

// transferReport tells who leads after a transfer; 0 if that changed again meanwhile.
type transferReport struct {
	Leader uint64 `json:"leader"`
}

func (s *server) transfer(ctx context.Context, a adminWords) (report, error) {
	if err := s.store.TransferLeadership(ctx, a.id); err != nil {
		return nil, err
	}
	leader := a.id
	if now, known := s.store.CurrentLeader(); leader == 0 && known && now.ID != s.id {
		leader = now.ID
	}
	return &transferReport{Leader: uint64(leader)}, nil
}

func (r *transferReport) writeText(w *replyWriter) {
	if r.Leader == 0 {
		w.status("OK")
		return
	}
	w.status(fmt.Sprintf("OK n%d leads", r.Leader))
}

// snapshotReport tells up to where the node's log is replaced by a snapshot.
type snapshotReport struct {
	Index uint64 `json:"index"`
}

func (s *server) snapshot(ctx context.Context, _ adminWords) (report, error) {
	index, err := s.store.TriggerSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &snapshotReport{Index: uint64(index)}, nil
}

func (r *snapshotReport) writeText(w *replyWriter) {
	w.status(fmt.Sprintf("OK the log begins with a snapshot that reaches %d", r.Index))
}
