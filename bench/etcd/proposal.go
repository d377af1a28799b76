package etcd

import (
	"context"
	"errors"
	"sync"

	"github.com/yggr-go/yggr/bench/workload"
)

// Why a proposal got no answer.
var (
	errNotLeader      = errors.New("etcd: not the leader")
	errLostLeadership = errors.New("etcd: leadership lost")
	errStopped        = errors.New("etcd: stopped")
	errOutOfOrder     = errors.New("etcd: an entry was committed that is not the one waited for")
)

// proposal is a command and the client that waits for it.
type proposal struct {
	data []byte
	done chan outcome // holds one
}

type outcome struct {
	value uint64
	err   error
}

var proposals = sync.Pool{New: func() any { return &proposal{done: make(chan outcome, 1)} }}

// write proposes a command and waits until it is applied.
func (h *host) write(ctx context.Context, command workload.Command) (uint64, error) {
	p := proposals.Get().(*proposal)
	p.data = command.Bytes() // the log keeps it
	if !h.inbox.propose(p) {
		return 0, errStopped
	}
	select {
	case o := <-p.done:
		p.data = nil
		proposals.Put(p)
		return o.value, o.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func fail(waiting []*proposal, err error) {
	for _, p := range waiting {
		p.done <- outcome{err: err}
	}
}
