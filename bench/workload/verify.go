package workload

import (
	"context"
	"fmt"
	"time"
)

// verify holds the replicas to what the clients were told. No client is writing any more and none got an error.
func verify(ctx context.Context, cluster Cluster, clients []*client) error {
	counters := cluster.Counters()
	leader := counters[0].State()
	if err := acknowledged(clients).check(leader); err != nil {
		return err
	}
	for i, c := range counters[1:] {
		if err := converge(ctx, c, leader); err != nil {
			return fmt.Errorf("replica %d of %d: %w", i+2, Replicas, err)
		}
	}
	return nil
}

// acknowledged adds up what all clients were told.
func acknowledged(clients []*client) (sum State) {
	for _, c := range clients {
		sum.Value += c.sent.Value
		sum.Commands += c.sent.Commands
		sum.IDs += c.sent.IDs
	}
	return sum
}

// check compares in everything but the order, which no client knows.
func (s State) check(leader State) error {
	leader.Order = s.Order
	if s != leader {
		return fmt.Errorf("%w: the clients were told %+v, the leader holds %+v", ErrWrong, s, leader)
	}
	return nil
}

// converge waits until a follower holds the leader's state, order included.
func converge(ctx context.Context, follower *Counter, leader State) error {
	ctx, cancel := context.WithTimeout(ctx, convergePatience)
	defer cancel()
	for {
		state := follower.State()
		switch {
		case state == leader:
			return nil
		case state.Commands >= leader.Commands || ctx.Err() != nil:
			return fmt.Errorf("%w: it holds %+v, the leader %+v", ErrWrong, state, leader)
		}
		sleep(ctx, time.Millisecond)
	}
}
