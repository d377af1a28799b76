package floor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

const (
	followers       = workload.Replicas - 1
	maxBatchEntries = 1024
	worthwhile      = 128 // clients that do not wait for the batch before theirs
	maxAhead        = 64  // batches that a slow replica may be behind
	returnTime      = 50 * time.Microsecond
)

var errStopped = errors.New("floor: stopped")

// request is a client that waits.
type request struct {
	command workload.Command
	done    chan outcome // holds one
}

type outcome struct {
	value uint64
	err   error
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan outcome, 1)} }}

// cluster is three files, two connections and three counters.
type cluster struct {
	queue    *queue
	counters [workload.Replicas]workload.Counter
	files    [workload.Replicas]*file
	conns    []net.Conn // both ends of each
	syncs    atomic.Uint64

	stopping chan struct{}
	stopOnce sync.Once
	failure  error // written before stopping is closed
	running  sync.WaitGroup
}

// Start implements [workload.Starter].
func Start(_ context.Context, dir string) (workload.Cluster, error) {
	c := &cluster{queue: newQueue(), stopping: make(chan struct{})}
	for i := range c.files {
		var err error
		if c.files[i], err = create(filepath.Join(dir, fmt.Sprintf("n%d", i+1))); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	links := make([]*link, followers)
	for i := range links {
		near, far, err := connect()
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.conns = append(c.conns, near, far)
		links[i] = &link{conn: near, slots: make(chan struct{}, maxAhead)}
		c.serve(func() error { return c.follow(far, c.files[i+1], &c.counters[i+1]) })
	}
	c.lead(links)
	return c, nil
}

// connect makes a connection over the loopback interface.
func connect() (near, far net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	if near, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	if far, err = listener.Accept(); err != nil {
		return nil, nil, errors.Join(err, near.Close())
	}
	return near, far, nil
}

// serve runs a part; the end of one is the end of all.
func (c *cluster) serve(part func() error) {
	c.running.Go(func() { c.stop(part()) })
}

// lead starts the leader's parts: its file, the answers of each follower, and the loop over batches.
func (c *cluster) lead(links []*link) {
	l := &leader{
		cluster: c, links: links,
		write: make(chan []byte, maxAhead), free: make(chan []byte, maxAhead),
		acks: make(chan ack, workload.Replicas*maxAhead),
	}
	for range maxAhead {
		l.free <- nil
	}
	c.serve(l.writeOwn)
	for i, link := range links {
		c.serve(func() error { return l.collect(i+1, link) })
	}
	c.serve(l.run)
}

// Write implements [workload.Cluster].
func (c *cluster) Write(ctx context.Context, command workload.Command) (uint64, error) {
	r := requests.Get().(*request)
	r.command = command
	if !c.queue.push(r) {
		return 0, c.failure
	}
	select {
	case o := <-r.done:
		requests.Put(r)
		return o.value, o.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Counters implements [workload.Cluster].
func (c *cluster) Counters() (counters [workload.Replicas]*workload.Counter) {
	for i := range counters {
		counters[i] = &c.counters[i]
	}
	return counters
}

// Syncs implements [workload.Cluster].
func (c *cluster) Syncs() (count uint64, known bool) { return c.syncs.Load(), true }

// stop takes away what the parts wait for; the first reason is kept.
func (c *cluster) stop(reason error) {
	c.stopOnce.Do(func() {
		c.failure = reason
		close(c.stopping)
		c.queue.close(reason)
		for _, conn := range c.conns {
			conn.Close()
		}
	})
}

// Stop implements [workload.Cluster].
func (c *cluster) Stop() error {
	c.stop(errStopped)
	c.running.Wait()
	var problems error
	if !errors.Is(c.failure, errStopped) {
		problems = c.failure
	}
	for _, f := range c.files {
		if f != nil {
			problems = errors.Join(problems, f.f.Close())
		}
	}
	return problems
}

// link is the leader's end of a connection.
type link struct {
	conn  net.Conn
	slots chan struct{} // one taken for each batch without an answer
}

// ack says that a replica holds a batch.
type ack struct {
	replica int
	number  uint64
}

// collect reads a follower's answers.
func (l *leader) collect(replica int, link *link) error {
	var number [8]byte
	for {
		if _, err := io.ReadFull(link.conn, number[:]); err != nil {
			return err
		}
		<-link.slots
		l.acks <- ack{replica: replica, number: binary.LittleEndian.Uint64(number[:])}
	}
}
