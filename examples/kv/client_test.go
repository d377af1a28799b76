package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client is a RESP client as small as it can be. Any failure of the connection is an error; an error reply is a
// value of type refused.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

// refused is an error reply.
type refused string

// ioTimeout only bounds a test that would otherwise hang for ever.
const ioTimeout = time.Minute

func dial(address string) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, ioTimeout)
	if err != nil {
		return nil, err
	}
	return newClient(conn), nil
}

func newClient(conn net.Conn) *client { return &client{conn: conn, in: bufio.NewReader(conn)} }

func mustDial(t *testing.T, address string) *client {
	t.Helper()
	c, err := dial(address)
	require.NoError(t, err)
	t.Cleanup(c.close)
	return c
}

func (c *client) close() { _ = c.conn.Close() }

func encodeRequest(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}

// do sends one request and waits for its reply.
func (c *client) do(words ...string) (any, error) {
	if err := c.send(encodeRequest(words...)); err != nil {
		return nil, err
	}
	return c.receive()
}

func (c *client) send(text string) error {
	if err := c.conn.SetDeadline(time.Now().Add(ioTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, text)
	return err
}

// receive reads one reply: a string, an int64, nil, a refused, or a list of those.
func (c *client) receive() (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("empty reply line")
	}
	kind, text := line[0], line[1:]
	switch kind {
	case '+':
		return text, nil
	case '-':
		return refused(text), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, err
	case kind == ':':
		return n, nil
	case kind == '$' && n < 0:
		return nil, nil
	case kind == '$':
		return c.receiveBulk(n)
	case kind == '*':
		return c.receiveArray(n)
	}
	return nil, fmt.Errorf("unknown reply %q", line)
}

func (c *client) receiveBulk(size int64) (any, error) {
	body := make([]byte, size+2)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, err
	}
	return string(body[:size]), nil
}

func (c *client) receiveArray(count int64) (any, error) {
	list := make([]any, 0, count)
	for range count {
		element, err := c.receive()
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, nil
}

// must is do for requests whose reply the test depends on.
func (c *client) must(t *testing.T, words ...string) any {
	t.Helper()
	reply, err := c.do(words...)
	require.NoError(t, err, "%q", words)
	return reply
}

// info asks for INFO and returns its lines by name; nil if the node cannot answer.
func (c *client) info(sections ...string) map[string]string {
	reply, err := c.do(append([]string{"INFO"}, sections...)...)
	text, ok := reply.(string)
	if err != nil || !ok {
		return nil
	}
	return infoLines(text)
}

func infoLines(text string) map[string]string {
	lines := make(map[string]string)
	for line := range strings.SplitSeq(text, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			lines[name] = value
		}
	}
	return lines
}
