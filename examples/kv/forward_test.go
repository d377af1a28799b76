package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// With --forward a client writes through whatever node it is connected to, and gets the answer of the state machine.
func TestAnyNodeTakesWrites(t *testing.T) {
	cl := startCluster(t, "--forward")
	leader, _ := cl.leader(t)
	var sum int64
	for i, address := range cl.clientAddr {
		c := mustDial(t, address)
		key := fmt.Sprint("k", i)
		eventually(t, "the node follows its leader", func() bool {
			require.NoError(t, c.send(encodeRequest("SET", key, "v")))
			reply, err := c.receive()
			require.NoError(t, err)
			return reply == "OK"
		})
		for range 3 {
			sum++
			require.Equal(t, sum, c.must(t, "INCR", "counter"))
		}
		require.Equal(t, int64(1), c.must(t, "DEL", key))
		c.close()
	}
	c := mustDial(t, cl.clientAddr[leader])
	require.Equal(t, fmt.Sprint(sum), c.must(t, "GET", "counter"))
	c.close()
}
