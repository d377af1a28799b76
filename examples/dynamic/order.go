package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// order is something that the leader is to do, and what became of it so far.
type order struct {
	*cluster
	words   []string
	address string // where to go next; "" for any node
	unsure  bool   // an earlier try may have been successful
	answer  string
	err     error
}

// order has the leader do something: it goes where it is sent, repeats what was not done, and looks at what was.
func (c *cluster) order(ctx context.Context, words ...string) (string, error) {
	o := &order{cluster: c, words: words}
	if err := eventually(ctx, strings.Join(words, " "), o.try); err != nil {
		return "", err
	}
	return o.answer, o.err
}

// try asks one node and reports whether the order is at its end.
func (o *order) try() bool {
	if o.address == "" {
		o.address = o.book.any()
	}
	conn, err := dial(o.address)
	if err != nil {
		o.met.add("cannot connect")
		o.address = ""
		return false
	}
	defer conn.close()
	reply, err := conn.do(o.words...)
	if err != nil {
		o.met.add("no reply")
		o.address, o.unsure = "", true
		return false
	}
	if r, isRefusal := reply.(refusal); isRefusal {
		return o.refused(r)
	}
	o.answer = strings.TrimPrefix(fmt.Sprint(reply), "OK ")
	return true
}

// before are refusals that tell that an earlier try was successful.
var before = []string{"ALREADYLEARNER", "NOTLEARNER", "UNKNOWNNODE"}

// waits are refusals that go away.
var waits = []string{"TRYAGAIN", "CHANGEINPROGRESS", "TOOFARBEHIND", "NOTREACHED", "ABORTED", "TIMEDOUT"}

func (o *order) refused(r refusal) bool {
	o.met.add(r.kind())
	here := o.address
	o.address = ""
	switch kind := r.kind(); {
	case kind == "MOVED" && r.movedTo() != here:
		o.address = r.movedTo()
	case kind == "UNKNOWN":
		o.unsure = true
	case slices.Contains(waits, kind):
	case o.unsure && slices.Contains(before, kind):
		o.answer = "done before"
		return true
	default:
		o.err = fmt.Errorf("%s: %w", strings.Join(o.words, " "), r)
		return true
	}
	return false
}

// pollInterval is how often something is looked at that is waited for.
const pollInterval = 20 * time.Millisecond

// eventually polls until ok.
func eventually(ctx context.Context, what string, ok func() bool) error {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for !ok() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, context.Cause(ctx))
		}
	}
	return nil
}
