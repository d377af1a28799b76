package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/yggr-go/yggr/actors"
)

const (
	// maxBatch and maxBatchBytes bound what a connection proposes at once. Small enough that a batch finds room
	// beside those of other clients, and large enough to share a sync.
	maxBatch      = 256
	maxBatchBytes = 1 << 20

	// requestTimeout is how long a proposal is waited for at least, and twice that at most.
	requestTimeout = 5 * time.Second

	// A busy node is asked again after a random part of a span that doubles from the first to the second.
	minBackOff = time.Millisecond
	maxBackOff = 50 * time.Millisecond
)

// errCrossProtocol ends a connection that speaks HTTP: a page in somebody's browser can make it send a request to a
// port on the loopback interface, with commands in its body.
var errCrossProtocol = protocolError("HTTP is not spoken here")

// errQuit ends a connection after what it is owed has been sent.
var errQuit = errors.New("kv: connection ends")

// connection serves one client. Everything in it belongs to one goroutine.
type connection struct {
	server *server
	conn   net.Conn
	id     int64
	name   string

	requests *requestReader
	replies  replyWriter
	batch    []Command // of the current pipeline, not proposed yet; all write, or all read
	bytes    int       // of batch

	ctx    context.Context // of proposals; see proposalContext
	cancel context.CancelFunc
	renew  time.Time
}

func newConnection(s *server, conn net.Conn, id int64) *connection {
	return &connection{
		server:   s,
		conn:     conn,
		id:       id,
		requests: newRequestReader(conn),
		replies:  replyWriter{sink: conn},
		cancel:   func() {},
	}
}

// serve answers pipelines until the client leaves, breaks the protocol or the server stops.
func (c *connection) serve() {
	defer func() { c.cancel() }()
	var err error
	for err == nil {
		if err = c.answerPipeline(); err == nil {
			err = c.requests.fill()
		}
	}
	if broken, ok := errors.AsType[protocolError](err); ok {
		c.server.counters.protocolErrors.Add(1)
		c.replies.failure("ERR " + broken.Error())
		_ = c.replies.flush() // the client is being left anyway
		c.linger()
	}
}

// answerPipeline answers everything that has come, in order. Commands for the machine are gathered and proposed, or read,
// together; a command that is answered here waits for those before it.
func (c *connection) answerPipeline() error {
	for {
		words, ok, err := c.requests.next()
		if err == nil && ok {
			err = c.handle(words)
		} else {
			err = errors.Join(c.commit(), err)
		}
		if err != nil || !ok {
			return errors.Join(err, c.replies.flush())
		}
	}
}

func (c *connection) handle(words [][]byte) error {
	c.server.counters.commands.Add(1)
	if is(words[0], "post") || is(words[0], "host:") {
		return errCrossProtocol
	}
	r, err := c.server.requests.find(words)
	if err == nil && r.propose != nil {
		var command Command
		if command, err = r.propose(words); err == nil {
			return c.gather(command)
		}
	}
	if ended := c.commit(); ended != nil {
		return ended
	}
	if err == nil {
		err = r.answer(c, words)
	}
	if reply, ok := errors.AsType[replyError](err); ok {
		c.replies.failure(string(reply))
		return nil
	}
	return err
}

// gather adds a command to the batch and proposes the batch when it is full. What writes and what reads goes different
// ways, so a batch has commands of one sort, and the next sort waits for it.
func (c *connection) gather(command Command) error {
	if len(c.batch) > 0 && c.batch[0].readsOnly() != command.readsOnly() {
		if err := c.commit(); err != nil {
			return err
		}
	}
	c.batch = append(c.batch, command)
	c.bytes += command.size()
	if len(c.batch) < maxBatch && c.bytes < maxBatchBytes {
		return nil
	}
	return c.commit()
}

// commit proposes the batch, or reads, and answers each of its commands.
func (c *connection) commit() error {
	if len(c.batch) == 0 {
		return nil
	}
	results, err := c.propose()
	for i := range c.batch {
		if err != nil {
			c.replies.failure(c.server.refusal(c.batch[i], err))
		} else {
			c.reply(c.batch[i], results[i])
		}
	}
	clear(c.batch)
	c.batch, c.bytes = c.batch[:0], 0
	if endsConnection(err) {
		return errQuit
	}
	return c.replies.err
}

// propose writes or reads the batch. While the node is busy the client waits and is not read: an error in the middle of a
// pipeline would help nobody, and an unread socket slows the sender down.
func (c *connection) propose() ([]Result, error) {
	for span := minBackOff; ; span = min(2*span, maxBackOff) {
		results, err := c.perform(c.proposalContext())
		if !isBusy(err) {
			return results, err
		}
		c.server.counters.busy.Add(1)
		if !c.server.pause(rand.N(span)) {
			return nil, actors.ErrShutdown
		}
	}
}

func (c *connection) perform(ctx context.Context) ([]Result, error) {
	if c.batch[0].readsOnly() {
		return c.server.store.ReadBatch(ctx, c.batch)
	}
	if len(c.batch) > 1 {
		return c.server.store.WriteBatch(ctx, c.batch)
	}
	result, err := c.server.store.Write(ctx, c.batch[0])
	return []Result{result}, err
}

// proposalContext returns a context that lasts for at least requestTimeout. One serves many proposals, because
// making one costs more than the rest of this file.
func (c *connection) proposalContext() context.Context {
	if now := time.Now(); now.After(c.renew) {
		c.cancel()
		c.ctx, c.cancel = context.WithTimeout(c.server.ctx, 2*requestTimeout)
		c.renew = now.Add(requestTimeout)
	}
	return c.ctx
}

// reply writes what an applied command answers.
func (c *connection) reply(command Command, r Result) {
	switch {
	case r.Failure == NotInteger:
		c.replies.failure(string(errNotInteger))
	case r.Failure == Overflow:
		c.replies.failure(string(errOverflow))
	case command.Op == OpGet || command.ReturnOld:
		c.replies.value(r.Value)
	case command.Op == OpMGet:
		c.replies.array(len(r.Values))
		for _, value := range r.Values {
			c.replies.value(value)
		}
	case command.Op == OpSet && r.Number == 1:
		c.replies.status("OK")
	case command.Op == OpSet:
		c.replies.null()
	default:
		c.replies.integer(r.Number)
	}
}

// linger lets the last reply arrive: closing a socket with unread bytes would tell the client that the connection
// was reset, and it might never see the reason.
func (c *connection) linger() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.conn, maxRequestBytes) // whatever comes, it is not wanted
	}
}

// lingerTime bounds how long a client that broke the protocol may take to leave.
const lingerTime = time.Second
