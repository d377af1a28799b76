package actors_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// Counter is the state machine: it adds up.
type Counter struct{ sum uint64 }

func (c *Counter) Apply(_ statemachine.ApplyContext, add uint64) uint64 {
	c.sum += add
	return c.sum
}

// Codec turns a command into bytes and back.
type Codec struct{}

func (Codec) Encode(dst []byte, add uint64) ([]byte, error) {
	return binary.AppendUvarint(dst, add), nil
}

func (Codec) Decode(data []byte) (uint64, error) {
	add, n := binary.Uvarint(data)
	if n != len(data) || n == 0 {
		return 0, errors.New("not a number")
	}
	return add, nil
}

// A node of its own: founded, written to, stopped and recovered from what it kept.
func Example() {
	ctx := context.Background()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	counter := statemachine.Definition[uint64, uint64]{
		New:   func() statemachine.Machine[uint64, uint64] { return &Counter{} },
		Codec: Codec{},
	}

	cfg := actors.DefaultConfig(1)
	cfg.Cluster = "example"
	cfg.Storage = persistence.NewMemory() // persistence.NewDir(persistence.OS(), dir, persistence.Options{}) on disk
	cfg.Network = remote.NewInProcess()   // remote.NewTCP(remote.TCPConfig{Listen: addr}) between processes
	cfg.TickInterval = 10 * time.Millisecond
	cfg.Bootstrap = actors.NewCluster{Members: []engine.Member{{ID: 1, Role: engine.Voter}}}

	node, err := actors.Start(ctx, system, counter, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, add := range []uint64{20, 22} {
		sum, err := write(ctx, node, add)
		fmt.Println(sum, err)
	}
	// A read sees every write that was acknowledged before it, and writes nothing.
	sum, err := actors.Query(ctx, node, func(c *Counter) uint64 { return c.sum })
	fmt.Println("read:", sum, err)
	fmt.Println("stopped:", node.Shutdown(ctx))

	cfg.Bootstrap = actors.Recover{}
	node, err = actors.Start(ctx, system, counter, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	sum, err = write(ctx, node, 0)
	fmt.Println("recovered:", sum, err)
	fmt.Println("stopped:", node.Shutdown(ctx))
	// Output:
	// 20 <nil>
	// 42 <nil>
	// read: 42 <nil>
	// stopped: <nil>
	// recovered: 42 <nil>
	// stopped: <nil>
}

// write retries what was certainly not applied, and nothing else.
func write(ctx context.Context, node *actors.Node[uint64, uint64], add uint64) (uint64, error) {
	for {
		sum, err := node.Write(ctx, add)
		if !errors.Is(err, actors.ErrNoLeader) && !errors.Is(err, actors.ErrBusy) {
			return sum, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
