package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWrongFlagsEndTheProcess(t *testing.T) {
	dir := t.TempDir()
	requireRefusal(t, exitUsage, "--node-id is missing", "--data-dir", dir)
	requireRefusal(t, exitUsage, "flag provided but not defined: -bogus", single(dir, "--bogus")...)
	requireRefusal(t, exitUsage, "--bootstrap \"maybe\"", single(dir, "--bootstrap", "maybe")...)
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names, "nothing was touched")
}

func TestOccupiedPorts(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	taken := listener.Addr().String()
	dir := t.TempDir()
	requireRefusal(t, exitFailure, "client port: .*address already in use", single(dir, "--client-addr", taken)...)
	requireRefusal(t, exitFailure, "peer port: .*address already in use", single(dir, "--peer-addr", taken)...)
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names, "no directory is made for addresses that are not to be had")
	start(t, single(dir)...).leading(t) // and a second try with a free port works
}

// aStoppedNode makes a directory with a few acknowledged keys, and returns how many.
func aStoppedNode(t *testing.T) (dir string, keys int64) {
	t.Helper()
	dir = t.TempDir()
	p := start(t, single(dir)...)
	c := p.leading(t)
	for i := range 20 {
		require.Equal(t, "OK", c.must(t, "SET", fmt.Sprint("key", i), strings.Repeat("v", 1000)))
	}
	p.stop(t)
	return dir, 20
}

// requireIntact starts the node again: whatever was tried before must not have cost anything.
func requireIntact(t *testing.T, dir string, keys int64) {
	t.Helper()
	p := start(t, single(dir)...)
	require.Equal(t, keys, p.leading(t).must(t, "DBSIZE"))
	p.stop(t)
}

func TestWrongBootstrapMode(t *testing.T) {
	dir, keys := aStoppedNode(t)
	requireRefusal(t, exitFailure, "holds a node already; use --bootstrap recover", single(dir, "--bootstrap", "new")...)
	requireRefusal(t, exitFailure, "holds a node already; use --bootstrap recover", single(dir, "--bootstrap", "join")...)
	requireIntact(t, dir, keys)
	empty := filepath.Join(t.TempDir(), "missing")
	requireRefusal(t, exitFailure, "nothing to recover; use --bootstrap new", single(empty, "--bootstrap", "recover")...)
	require.NoDirExists(t, empty)
}

// Flags that contradict the log change nothing; the log is told to count.
func TestPeerFlagsDoNotChangeTheMembership(t *testing.T) {
	dir, keys := aStoppedNode(t)
	p := start(t, single(dir, "--peer", "2=127.0.0.1:9")...)
	require.Equal(t, keys, p.leading(t).must(t, "DBSIZE"), "it still is a cluster of one")
	p.stop(t)
	require.Contains(t, p.stderr.String(), "--peer differs from the membership in the log")
}

func TestForeignDirectory(t *testing.T) {
	dir, keys := aStoppedNode(t)
	requireRefusal(t, exitFailure, "belongs to another node or cluster", single(dir, "--node-id", "2")...)
	requireRefusal(t, exitFailure, "belongs to another node or cluster", single(dir, "--cluster", "other")...)
	requireIntact(t, dir, keys)
}

func TestLockedDirectory(t *testing.T) {
	dir := t.TempDir()
	p := start(t, single(dir)...)
	c := p.leading(t)
	requireRefusal(t, exitFailure, "another process is using it", single(dir)...)
	requireRefusal(t, exitFailure, "another process is using it|holds a node already", single(dir, "--bootstrap", "new")...)
	require.Equal(t, "OK", c.must(t, "SET", "k", "v"), "the first one goes on")
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("not a directory"), 0o600))
	requireRefusal(t, exitFailure, "not a directory", single(file)...)
	requireRefusal(t, exitFailure, "not a directory", single(filepath.Join(file, "below"))...)
}

// A directory that a newer version wrote is refused by its version, file by file, and not taken for a damaged one.
func TestNewerDirectory(t *testing.T) {
	dir, keys := aStoppedNode(t)
	for _, pattern := range []string{"identity", "segment-*.log"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		slices.Sort(names)
		file := names[len(names)-1]
		original := readHead(t, file)
		newer := slices.Clone(original)
		binary.LittleEndian.PutUint32(newer[8:], 1000)
		sealSector(newer)
		writeHead(t, file, newer)
		requireRefusal(t, exitFailure, "a newer version of this program wrote it.*version 1000", single(dir)...)
		writeHead(t, file, original)
	}
	requireIntact(t, dir, keys)
}

const sectorBytes = 512

func readHead(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	head := make([]byte, sectorBytes)
	_, err = io.ReadFull(f, head)
	require.NoError(t, err)
	return head
}

func writeHead(t *testing.T, file string, head []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(head, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// sealSector writes the checksum of a sector: CRC32C at offset 12, over everything with that field as zero.
func sealSector(sector []byte) {
	binary.LittleEndian.PutUint32(sector[12:], 0)
	binary.LittleEndian.PutUint32(sector[12:], crc32.Checksum(sector, crc32.MakeTable(crc32.Castagnoli)))
}

// A log that was cut must never come up with less than was acknowledged: either nothing of it is missing, or the node
// refuses to start, changes nothing, and starts again when the file is whole.
func TestTruncatedLog(t *testing.T) {
	dir, keys := aStoppedNode(t)
	names, err := filepath.Glob(filepath.Join(dir, "segment-*.log"))
	require.NoError(t, err)
	slices.Sort(names)
	newest := names[len(names)-1]
	whole, err := os.ReadFile(newest)
	require.NoError(t, err)
	used := int64(len(strings.TrimRight(string(whole), "\x00")))
	refusals := 0
	for _, size := range []int64{0, 100, 4096, 4096 + 100, used / 2, used - 4096, used - 1, used, int64(len(whole)) - 1} {
		require.NoError(t, os.Truncate(newest, size))
		p := launch(t, single(dir, "--log-level", "off")...)
		select {
		case <-p.ready:
			require.Equal(t, keys, p.leading(t).must(t, "DBSIZE"), "cut to %d of %d used bytes", size, used)
			p.stop(t)
			return // it wrote to the file, which is another one now
		case <-p.ended:
		}
		require.Equal(t, exitFailure, p.exitCode(t))
		require.Regexp(t, "^kv: data directory .*: its data is damaged; nothing was changed: .*"+filepath.Base(newest), p.stderr.String())
		refusals++
		require.Equal(t, size, fileSize(t, newest), "nothing was changed")
		require.NoError(t, os.WriteFile(newest, whole, 0o600))
	}
	require.NotZero(t, refusals)
	requireIntact(t, dir, keys)
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	return info.Size()
}

// garbage is what strangers send to an open port.
func garbage() map[string]string {
	noise := make([]byte, 200_000)
	_, _ = rand.Read(noise)
	return map[string]string{
		"noise":           string(noise),
		"a web browser":   "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + string(noise[:500]),
		"a huge length":   "\xff\xff\xff\xff\xff\xff\xff\xff",
		"zeros":           strings.Repeat("\x00", 100_000),
		"nothing":         "",
		"a RESP overflow": "*1\r\n$9223372036854775807\r\nabc\r\n",
		"a RESP count":    "*9223372036854775807\r\n",
		"a long line":     strings.Repeat("x", 10<<20),
		"an open bulk":    "*2\r\n$3\r\nSET\r\n$4000000\r\nabc",
	}
}

// throw sends a text to a port, closes its side and waits until the other side has closed too.
func throw(t *testing.T, address, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(ioTimeout)))
	_, _ = io.WriteString(conn, text) // may be cut off: that is an answer, too
	if half, ok := conn.(*net.TCPConn); ok && half.CloseWrite() == nil {
		_, err = io.Copy(io.Discard, conn)
		var timeout net.Error
		if err != nil && errors.As(err, &timeout) {
			require.False(t, timeout.Timeout(), "the connection is left open")
		}
	}
}

func TestGarbageOnThePorts(t *testing.T) {
	cl := startCluster(t)
	c := cl.leaderClient(t)
	leader, term := cl.leader(t)
	require.Equal(t, "OK", c.must(t, "SET", "k", "v"))
	for name, text := range garbage() {
		for i := range cl.nodes {
			throw(t, cl.peerAddr[i], text)
			throw(t, cl.clientAddr[i], text)
		}
		require.Equal(t, "v", c.must(t, "GET", "k"), "after %s", name)
	}
	all := c.info()
	require.NotEqual(t, "0", all["connections_refused"])
	require.NotEqual(t, "0", all["protocol_errors"])
	now, termNow := cl.leader(t)
	require.Equal(t, leader, now, "nobody was disturbed")
	require.Equal(t, term, termNow)
}
