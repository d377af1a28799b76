package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that is killed comes back from its snapshot and the rest of its log, and an operator can ask for one.
func TestProcessRestartsFromASnapshot(t *testing.T) {
	dir := t.TempDir()
	args := single(dir, "--snapshot-entries", "200", "--trailing-entries", "20")
	p := start(t, args...)
	c := p.leading(t)
	for i := range 1000 {
		c.must(t, "SET", fmt.Sprintf("key:%d", i%300), fmt.Sprint(i))
	}
	eventually(t, "a snapshot that was asked for", func() bool { // one that it takes by itself may be under way
		reply, err := c.do("RAFT", "SNAPSHOT")
		return err == nil && strings.HasPrefix(fmt.Sprint(reply), "OK the log begins with a snapshot that reaches ")
	})
	info := c.info()
	require.NotEqual(t, "0", info["snapshots_taken"])
	require.NotEqual(t, "0/0", info["snapshot"])
	files, err := filepath.Glob(filepath.Join(dir, "snapshots", "snapshot-*.snap"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	c.must(t, "SET", "last", "word")
	p.kill()

	p = start(t, args...)
	c = p.leading(t)
	require.Equal(t, "1", c.info()["snapshots_restored"])
	require.Equal(t, "word", c.must(t, "GET", "last"))
	require.Equal(t, int64(301), c.must(t, "DBSIZE"))
	for i := range 300 {
		want := 900 + i%100
		if i >= 100 {
			want = 600 + i
		}
		require.Equal(t, fmt.Sprint(want), c.must(t, "GET", fmt.Sprintf("key:%d", i)))
	}
}
