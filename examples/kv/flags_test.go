package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

func TestFlags(t *testing.T) {
	o, err := parseFlags(strings.Fields("--node-id 2 --data-dir d --peer 1=h:1 --peer 3=h:3 --peer-addr h:2 --client-addr h:9"), nil)
	require.NoError(t, err)
	require.Equal(t, "auto", o.bootstrap)
	require.Equal(t, "h:9", o.advertise)
	require.False(t, o.lease, "leases rest on clocks: only who asks for them has them")
	require.False(t, o.forward)
	members, err := engine.NewMembership(o.members()...)
	require.NoError(t, err)
	require.Equal(t, "{n1 n2 n3}", members.String())
	self, _ := members.Lookup(2)
	require.Equal(t, "h:2", self.Address)

	o, err = parseFlags(strings.Fields("--node-id 2 --data-dir d --peer 2=public:2 --peer-addr 0.0.0.0:2"), nil)
	require.NoError(t, err)
	require.Equal(t, []engine.Member{{ID: 2, Role: engine.Voter, Address: "public:2"}}, o.members(), "what peers dial may differ from what is bound")
}

func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                                                               "--node-id is missing",
		"--node-id 1":                                                    "--data-dir is missing",
		"--node-id one --data-dir d":                                     `invalid value "one"`,
		"--node-id 1 --data-dir d --nonsense":                            "not defined: -nonsense",
		"--node-id 1 --data-dir d extra":                                 `unexpected argument "extra"`,
		"--node-id 1 --data-dir d --peer 2":                              "want id=host:port",
		"--node-id 1 --data-dir d --peer 0=h:1":                          `"0" is not a node id`,
		"--node-id 1 --data-dir d --peer n2=h:1":                         `"n2" is not a node id`,
		"--node-id 1 --data-dir d --peer 2=h":                            `"h" is not host:port`,
		"--node-id 1 --data-dir d --peer 2=h:0":                          "no port that others can dial",
		"--node-id 1 --data-dir d --peer 2=:7":                           "no host that others can dial",
		"--node-id 1 --data-dir d --peer 2=h:1 --peer 2=h:2":             "node 2 is named twice",
		"--node-id 1 --data-dir d --peer-addr h:70000":                   "no port from 0 to 65535",
		"--node-id 1 --data-dir d --client-addr 6379":                    `"6379" is not host:port`,
		"--node-id 1 --data-dir d --client-addr 0.0.0.0:6379":            "--advertise-client-addr: \"0.0.0.0:6379\" names no host",
		"--node-id 1 --data-dir d --bootstrap sometimes":                 `--bootstrap "sometimes" is none of`,
		"--node-id 1 --data-dir d --log-level loud":                      `--log-level "loud" is none of`,
		"--node-id 1 --data-dir d --cluster " + strings.Repeat("c", 129): "--cluster needs 1 to 128 bytes",
	} {
		_, err := parseFlags(strings.Fields(args), nil)
		require.ErrorIs(t, err, errUsage, args)
		require.ErrorContains(t, err, want, args)

		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(context.Background(), strings.Fields(args), &stdout, &stderr))
		require.Empty(t, stdout.String())
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", stderr.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), []string{"--help"}, &stdout, &stderr))
	require.Empty(t, stderr.String())
	for _, name := range []string{"node-id", "peer-addr", "client-addr", "data-dir", "peer", "cluster", "bootstrap"} {
		require.Contains(t, stdout.String(), "-"+name)
	}
}
