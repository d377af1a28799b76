package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// exchangeTimeout bounds how long a reply is waited for: kv answers everything within ten seconds, so a node that takes
// longer hangs, or the machine does.
const exchangeTimeout = time.Minute

// refusal is an error reply: a word in capitals, and a reason.
type refusal string

func (r refusal) Error() string { return string(r) }

// kind is the word that says what to do.
func (r refusal) kind() string {
	word, _, _ := strings.Cut(string(r), " ")
	return word
}

// movedTo returns where a MOVED points.
func (r refusal) movedTo() string {
	words := strings.Fields(string(r))
	return words[len(words)-1]
}

// client is a connection to the client port of a node.
type client struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func dial(address string) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, exchangeTimeout)
	if err != nil {
		return nil, err
	}
	return &client{address: address, conn: conn, in: bufio.NewReader(conn)}, nil
}

func (c *client) close() { _ = c.conn.Close() } // there is nobody left to tell

// send writes requests, each of them words, as one pipeline.
func (c *client) send(requests ...[]string) error {
	var b strings.Builder
	for _, words := range requests {
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, word := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	if err := c.conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, b.String())
	return err
}

// do sends one request and waits for its reply.
func (c *client) do(words ...string) (any, error) {
	if err := c.send(words); err != nil {
		return nil, err
	}
	return c.receive()
}

// receive returns a string, an int64, nil, a refusal, or a list of those. Its error is that of the connection.
func (c *client) receive() (any, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("an empty reply")
	}
	switch line[0] {
	case '+':
		return line[1:], nil
	case '-':
		return refusal(line[1:]), nil
	}
	n, err := strconv.ParseInt(line[1:], 10, 64)
	switch {
	case err != nil:
		return nil, err
	case line[0] == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case line[0] == '$':
		return c.receiveBulk(n)
	}
	return c.receiveArray(n)
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
