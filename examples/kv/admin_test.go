package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/actors"
)

// What each subcommand asks the node for, and what it answers.
func TestAdminCommands(t *testing.T) {
	s := startServer(t)
	s.directory.record(1, announcement{Term: 1, Address: "127.0.0.1:7001"})
	c := s.dial(t)
	const receipt = "OK 3/17 {n1 | n4}"
	for _, step := range []struct {
		request, asked string
		want           any
	}{
		{"RAFT ADD-LEARNER 4 127.0.0.1:7104", `add learner n4 "127.0.0.1:7104" incarnation=0 force=false`, receipt},
		{"raft add-learner n4 host:7104 incarnation 00ff", `add learner n4 "host:7104" incarnation=ff force=false`, receipt},
		{"RAFT ADD-VOTER 4 127.0.0.1:7104", `add voter n4 "127.0.0.1:7104" incarnation=0 force=false`, receipt},
		{"RAFT ADD-VOTER 4 127.0.0.1:7104 INCARNATION ff FORCE", `add voter n4 "127.0.0.1:7104" incarnation=ff force=true`, receipt},
		{"RAFT PROMOTE N4", `promote n4 "" incarnation=0 force=false`, receipt},
		{"RAFT PROMOTE 4 force", `promote n4 "" incarnation=0 force=true`, receipt},
		{"RAFT DEMOTE 4", `demote n4 "" incarnation=0 force=false`, receipt},
		{"RAFT REMOVE 4", `remove n4 "" incarnation=0 force=false`, receipt},
		{"RAFT UPDATE-ADDRESS 4 [::1]:7104", `update address n4 "[::1]:7104" incarnation=0 force=false`, receipt},
		{"RAFT SNAPSHOT", "snapshot", "OK the log begins with a snapshot that reaches 17"},
		{"RAFT SNAPSHOT JSON", "snapshot", `{"index":17}`},
		{"RAFT TRANSFER", "transfer to nobody", "OK"},
		{"RAFT TRANSFER 4", "transfer to n4", "OK n4 leads"},
		{"RAFT TRANSFER n4 JSON", "transfer to n4", `{"leader":4}`},
		{"RAFT REMOVE 4 json", `remove n4 "" incarnation=0 force=false`, `{"position":"3/17","members":[` +
			`{"id":1,"role":"voter","address":"127.0.0.1:7101","incarnation":"00000000000000a1","clients":"127.0.0.1:7001"},` +
			`{"id":4,"role":"learner","address":"127.0.0.1:7104"}]}`},
		{"RAFT MEMBERS", "", []any{
			"n1 voter 127.0.0.1:7101 leader clients=127.0.0.1:7001",
			"n2 learner 127.0.0.1:7102 replicate match=7 behind=2 not-met-yet",
		}},
		{"RAFT MEMBERS JSON", "", `{"node":1,"role":"leader","term":1,"leader":1,"members":[` +
			`{"id":1,"role":"voter","address":"127.0.0.1:7101","incarnation":"00000000000000a1","clients":"127.0.0.1:7001","leads":true},` +
			`{"id":2,"role":"learner","address":"127.0.0.1:7102","state":"replicate","match":7,"behind":2}]}`},
		{"RAFT STATUS", "", []any{
			"node:1", "cluster:test", "role:leader", "term:1", "leader:1", "member:voter", "removed:false",
			"last:1/9", "durable:0", "commit:0", "applied:0", "peer_address:127.0.0.1:7101", "client_address:" + s.address,
			"incarnation:00000000000000a1",
		}},
	} {
		require.Equal(t, step.want, c.must(t, strings.Split(step.request, " ")...), step.request)
		require.Equal(t, step.asked, s.fake.lastAsked(), step.request)
	}
	var status statusReport
	require.NoError(t, json.Unmarshal([]byte(c.must(t, "RAFT", "STATUS", "JSON").(string)), &status))
	require.Equal(t, "1/9", status.Last)
}

// Whatever is wrong with a request is told with how it should look, and nothing is done.
func TestBadAdminCommands(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	for request, want := range map[string]string{
		"RAFT":                                   "wrong number of arguments for 'raft' command",
		"RAFT RESET":                             "unknown subcommand 'RESET' of 'raft': see RAFT HELP",
		"RAFT \x01":                              "unknown subcommand '.' of 'raft': see RAFT HELP",
		"RAFT JSON":                              "unknown subcommand 'JSON' of 'raft': see RAFT HELP",
		"RAFT MEMBERS 1":                         "'1' is not expected: RAFT MEMBERS [JSON]",
		"RAFT STATUS JSON JSON":                  "'JSON' is not expected: RAFT STATUS [JSON]",
		"RAFT PROMOTE":                           "id is missing: RAFT PROMOTE id [FORCE] [JSON]",
		"RAFT PROMOTE JSON":                      "id is missing: RAFT PROMOTE id [FORCE] [JSON]",
		"RAFT PROMOTE 0":                         "'0' is not a node id: RAFT PROMOTE id [FORCE] [JSON]",
		"RAFT DEMOTE -1":                         "'-1' is not a node id: RAFT DEMOTE id [JSON]",
		"RAFT DEMOTE 18446744073709551616":       "'18446744073709551616' is not a node id: RAFT DEMOTE id [JSON]",
		"RAFT REMOVE nn4":                        "'nn4' is not a node id: RAFT REMOVE id [JSON]",
		"RAFT REMOVE 4 FORCE":                    "'FORCE' is not expected: RAFT REMOVE id [JSON]",
		"RAFT TRANSFER x":                        "'x' is not a node id: RAFT TRANSFER [id] [JSON]",
		"RAFT TRANSFER 2 3":                      "'3' is not expected: RAFT TRANSFER [id] [JSON]",
		"RAFT UPDATE-ADDRESS 4":                  "address is missing: RAFT UPDATE-ADDRESS id host:port [JSON]",
		"RAFT UPDATE-ADDRESS 4 localhost":        `"localhost" is not host:port: RAFT UPDATE-ADDRESS id host:port [JSON]`,
		"RAFT UPDATE-ADDRESS 4 :7104":            `":7104" names no host that others can dial: RAFT UPDATE-ADDRESS id host:port [JSON]`,
		"RAFT UPDATE-ADDRESS 4 0.0.0.0:7104":     `"0.0.0.0:7104" names no host that others can dial: RAFT UPDATE-ADDRESS id host:port [JSON]`,
		"RAFT UPDATE-ADDRESS 4 host:0":           `"host:0" has no port that others can dial: RAFT UPDATE-ADDRESS id host:port [JSON]`,
		"RAFT UPDATE-ADDRESS 4 host:99999":       `"host:99999" has no port from 0 to 65535: RAFT UPDATE-ADDRESS id host:port [JSON]`,
		"RAFT ADD-LEARNER 4 host:1 FORCE":        "'FORCE' is not expected: RAFT ADD-LEARNER id host:port [INCARNATION hex] [JSON]",
		"RAFT ADD-LEARNER 4 host:1 INCARNATION":  "incarnation is missing: RAFT ADD-LEARNER id host:port [INCARNATION hex] [JSON]",
		"RAFT ADD-VOTER 4 host:1 INCARNATION xy": "'xy' is no incarnation, which RAFT STATUS of that node shows: RAFT ADD-VOTER id host:port [INCARNATION hex] [FORCE] [JSON]",
		"RAFT ADD-VOTER 4 host:1 INCARNATION 0":  "'0' is no incarnation, which RAFT STATUS of that node shows: RAFT ADD-VOTER id host:port [INCARNATION hex] [FORCE] [JSON]",
		"RAFT ADD-VOTER 4 host:1 FORCE 3":        "'3' is not expected: RAFT ADD-VOTER id host:port [INCARNATION hex] [FORCE] [JSON]",
	} {
		require.Equal(t, refused("ERR "+want), c.must(t, strings.Split(request, " ")...), request)
		require.Empty(t, s.fake.lastAsked(), request)
	}
}

// Each error of the library has a reply of its own, which says what to do.
func TestAdminRefusals(t *testing.T) {
	s := startServer(t)
	c := s.dial(t)
	s.fake.follow(actors.Leader{ID: 2, Term: 3})
	s.directory.record(2, announcement{Term: 3, Address: "127.0.0.1:7002"})
	for _, a := range adminAdvice {
		s.fake.answer(always(a.kind))
		reply, isRefused := c.must(t, "RAFT", "PROMOTE", "4").(refused)
		require.True(t, isRefused)
		require.Regexp(t, "^"+a.reply+" [^{}]+$", string(reply))
	}
	for err, want := range map[error]refused{
		actors.ErrUnknownNode:    "UNKNOWNNODE n4 is no member: see RAFT MEMBERS",
		&actors.NotLeaderError{}: "MOVED 0 127.0.0.1:7002",
		actors.ErrNoLeader:       "MOVED 0 127.0.0.1:7002",
		&actors.OutcomeUnknownError{Cause: actors.ErrShutdown}: "UNKNOWN it may have been done, or may yet be: see RAFT MEMBERS and RAFT STATUS: " +
			"actors: outcome unknown: 0/0: actors: shut down",
		context.DeadlineExceeded: "UNKNOWN it may have been done, or may yet be: see RAFT MEMBERS and RAFT STATUS: context deadline exceeded",
	} {
		s.fake.answer(always(err))
		for _, request := range []string{"PROMOTE", "TRANSFER"} {
			require.Equal(t, want, c.must(t, "RAFT", request, "4"), "%s: %v", request, err)
		}
	}
	s.fake.follow(actors.Leader{})
	s.fake.answer(always(actors.ErrNoLeader))
	require.Equal(t, refused("TRYAGAIN no leader is confirmed"), c.must(t, "RAFT", "REMOVE", "4"))
}

func TestHelpListsTheAdministration(t *testing.T) {
	lines, isList := startServer(t).dial(t).must(t, "RAFT", "HELP").([]any)
	require.True(t, isList)
	require.Len(t, lines, len(adminRequests()))
	var stdout bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"--help"}, &stdout, &stdout))
	for _, line := range lines {
		require.Contains(t, stdout.String(), line)
	}
}

// A second node joins, takes over, and the first one leaves; each reply is the node's own.
func TestAdministrationOfRealNodes(t *testing.T) {
	dir := t.TempDir()
	peer1, peer2 := freePort(t), freePort(t)
	first := start(t, single(filepath.Join(dir, "1"), "--peer-addr", peer1)...)
	second := start(t, "--node-id", "2", "--data-dir", filepath.Join(dir, "2"), "--bootstrap", "join",
		"--peer-addr", peer2, "--client-addr", "127.0.0.1:0")
	c := first.leading(t)
	require.Regexp(t, "^NOTREACHED ", c.must(t, "RAFT", "ADD-VOTER", "2", peer2))
	require.Regexp(t, `^OK 2/\d+ {n1 \| n2}$`, c.must(t, "RAFT", "ADD-LEARNER", "2", peer2))
	require.Regexp(t, "^ALREADYLEARNER ", c.must(t, "RAFT", "ADD-LEARNER", "2", peer2))
	eventually(t, "the learner catches up", func() bool {
		reply := c.must(t, "RAFT", "PROMOTE", "2")
		return reply != nil && strings.HasPrefix(text(reply), "OK ")
	})
	require.Regexp(t, "^NOTLEARNER ", c.must(t, "RAFT", "PROMOTE", "2"))
	require.Regexp(t, "^UNKNOWNNODE ", c.must(t, "RAFT", "REMOVE", "9"))
	require.Regexp(t, "^INVALIDTARGET ", c.must(t, "RAFT", "TRANSFER", "1"))
	require.Equal(t, "OK n2 leads", c.must(t, "RAFT", "TRANSFER", "2"))
	eventually(t, "the first node knows where to go", func() bool {
		return c.must(t, "RAFT", "REMOVE", "1") == refused("MOVED 0 "+second.clients)
	})
	d := second.leading(t)
	require.Regexp(t, `^OK 3/\d+ {n2}$`, d.must(t, "RAFT", "REMOVE", "1"))
	require.Regexp(t, "^INVALIDMEMBERSHIP ", d.must(t, "RAFT", "REMOVE", "2"))
	eventually(t, "the first node learns that it is out", func() bool {
		lines, _ := c.must(t, "RAFT", "STATUS").([]any)
		return len(lines) > 6 && lines[6] == "removed:true" && lines[5] == "member:none"
	})
	first.stop(t)
	require.Equal(t, "OK", d.must(t, "SET", "k", "v"))
	second.stop(t)
}

func text(reply any) string {
	s, _ := reply.(string)
	return s
}
