//go:build unix

package main

import (
	"flag"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

var pauseTrials = flag.Int("pause.trials", 2, "how often TestPausedLeaderServesNothingOld stops the leader")

// The leader's process is stopped, another one takes over and acknowledges a write, and the stopped one goes on with a
// read in its socket. Whatever it believes of its lease, it must not answer what was true when it was stopped.
func TestPausedLeaderServesNothingOld(t *testing.T) {
	cl := startCluster(t, "--lease")
	for n := range *pauseTrials {
		old, _ := cl.leader(t)
		c := mustDial(t, cl.clientAddr[old])
		before, after := fmt.Sprint("old", n), fmt.Sprint("new", n)
		require.Equal(t, "OK", c.must(t, "SET", "k", before))
		require.Equal(t, before, c.must(t, "GET", "k"))
		require.NoError(t, cl.nodes[old].cmd.Process.Signal(syscall.SIGSTOP))
		cl.writeToAnother(t, old, "k", after)
		require.NoError(t, c.send(encodeRequest("GET", "k")))
		require.NoError(t, cl.nodes[old].cmd.Process.Signal(syscall.SIGCONT))
		reply, err := c.receive()
		require.NoError(t, err)
		if _, isRefused := reply.(refused); !isRefused {
			require.Equal(t, after, reply)
		}
		c.close()
	}
}

// writeToAnother writes at whichever other node leads by now.
func (cl *cluster) writeToAnother(t *testing.T, besides int, key, value string) {
	t.Helper()
	eventually(t, "another node takes the write", func() bool {
		for i, address := range cl.clientAddr {
			if i == besides {
				continue
			}
			c, err := dial(address)
			if err != nil {
				continue
			}
			reply, err := c.do("SET", key, value)
			c.close()
			if err == nil && reply == "OK" {
				return true
			}
		}
		return false
	})
}
