package links

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yggr-go/yggr/engine"
)

// patience ends a test that waits for what never comes; nothing is measured by it.
const patience = time.Minute

// quiet is how long a test listens to what has to be silent. It cannot fail a link that is.
const quiet = 50 * time.Millisecond

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a connection of n1 through the mesh to a listener that stands for n2.
type wire struct {
	mesh      *Mesh
	target    *net.TCPListener
	address   string // of the link 1→2
	near, far net.Conn
}

func newWire(t *testing.T) *wire {
	t.Helper()
	target, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	w := &wire{mesh: NewMesh(), target: target}
	t.Cleanup(func() {
		w.mesh.Close()
		_ = target.Close()
	})
	w.address, err = w.mesh.route(1, 2, target.Addr().String())
	require.NoError(t, err)
	w.near, w.far = w.connect(t)
	return w
}

func (w *wire) connect(t *testing.T) (near, far net.Conn) {
	t.Helper()
	near, err := net.Dial("tcp", w.address)
	require.NoError(t, err)
	far, err = w.target.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return near, far
}

func requireLine(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, want, line)
}

func say(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	_, err := io.WriteString(conn, line)
	require.NoError(t, err)
}

// requireQuiet holds that nothing comes, neither bytes nor an end.
func requireQuiet(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(quiet)))
	n, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	require.Zero(t, n)
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
}

func TestBytesPassBothWays(t *testing.T) {
	w := newWire(t)
	say(t, w.near, "there\n")
	requireLine(t, w.far, "there\n")
	say(t, w.far, "and back\n")
	requireLine(t, w.near, "and back\n")
	require.NoError(t, w.near.Close())
	_, err := w.far.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// Silence lets nothing through, whichever of the two nodes it is about, and what waited passes after it.
func TestSilence(t *testing.T) {
	for _, silent := range []engine.NodeID{1, 2} {
		w := newWire(t)
		require.NoError(t, w.mesh.Silence(silent))
		say(t, w.near, "there\n")
		say(t, w.far, "and back\n")
		requireQuiet(t, w.far)
		requireQuiet(t, w.near)
		require.NoError(t, w.mesh.Heal())
		requireLine(t, w.far, "there\n")
		requireLine(t, w.near, "and back\n")
	}
}

// The end of a connection does not get through either: the other side learns of it when the silence is over.
func TestSilenceHidesTheEnd(t *testing.T) {
	w := newWire(t)
	require.NoError(t, w.mesh.Silence(2))
	require.NoError(t, w.near.Close())
	requireQuiet(t, w.far)
	require.NoError(t, w.mesh.Heal())
	_, err := w.far.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// Who dials a silent node gets no answer at all where the system can be told so, and reaches it after the silence.
func TestSilentNodesAreNotReached(t *testing.T) {
	w := newWire(t)
	require.NoError(t, w.mesh.Silence(2))
	conn, err := net.DialTimeout("tcp", w.address, quiet)
	if err == nil {
		requireQuiet(t, conn)
		conn.Close()
	}
	if runtime.GOOS == "linux" {
		require.Error(t, err)
	}
	require.NoError(t, w.mesh.Heal())
	near, far := w.connect(t)
	say(t, near, "there\n")
	requireLine(t, far, "there\n")
}

// What the mesh itself did to make a node unreachable does not reach it afterwards.
func TestFillersStayOutside(t *testing.T) {
	w := newWire(t)
	require.NoError(t, w.mesh.Silence(2))
	require.NoError(t, w.mesh.Heal())
	w.connect(t) // let in after the fillers
	w.mesh.Close()
	require.NoError(t, w.target.SetDeadline(time.Now().Add(quiet)))
	_, err := w.target.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// The links between others go on.
func TestOthersAreNotSilent(t *testing.T) {
	w := newWire(t)
	other, err := w.mesh.route(1, 3, w.target.Addr().String())
	require.NoError(t, err)
	require.NotEqual(t, w.address, other)
	require.NoError(t, w.mesh.Silence(3))
	require.ErrorIs(t, w.mesh.Silence(2), ErrSilent)
	say(t, w.near, "there\n")
	requireLine(t, w.far, "there\n")
	require.NoError(t, w.mesh.Heal())
	require.NoError(t, w.mesh.Heal())
}

// A link follows its peer's address, and one that leads nowhere ends the connection.
func TestLinksFollowTheAddress(t *testing.T) {
	w := newWire(t)
	second, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	same, err := w.mesh.route(1, 2, second.Addr().String())
	require.NoError(t, err)
	require.Equal(t, w.address, same)
	near, err := net.Dial("tcp", same)
	require.NoError(t, err)
	defer near.Close()
	far, err := second.Accept()
	require.NoError(t, err)
	defer far.Close()
	say(t, near, "there\n")
	requireLine(t, far, "there\n")

	require.NoError(t, second.Close())
	lost, err := net.Dial("tcp", same)
	require.NoError(t, err)
	defer lost.Close()
	_, err = lost.Read(make([]byte, 1))
	require.Error(t, err)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout())
}

// A mesh closes while a node is silent, with connections and diallers at every stage.
func TestCloseInSilence(t *testing.T) {
	w := newWire(t)
	require.NoError(t, w.mesh.Silence(1))
	say(t, w.near, "there\n")
	require.NoError(t, w.near.Close())
	w.mesh.Close()
	_, err := io.ReadAll(w.far)
	if err != nil { // the proxy had bytes of its own unread: a reset says the same
		require.ErrorContains(t, err, "reset")
	}
}
