// Command counter is the smallest program around a yggr node: it adds one to a replicated counter and prints the
// total. Run it again and it goes on counting.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/persistence"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// counter is the machine that every node has a copy of.
type counter struct{ total uint64 }

func (c *counter) Apply(_ statemachine.ApplyContext, add uint64) uint64 {
	c.total += add
	return c.total
}

// codec turns commands into the bytes that stand in the log.
type codec struct{}

func (codec) Encode(dst []byte, add uint64) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, add), nil
}

func (codec) Decode(data []byte) (uint64, error) {
	if len(data) != 8 {
		return 0, fmt.Errorf("a command has 8 bytes, not %d", len(data))
	}
	return binary.BigEndian.Uint64(data), nil
}

// count starts a node, adds one, and stops the node.
func count(ctx context.Context, dir, address string) (total uint64, err error) {
	cfg := actors.DefaultConfig(1)
	cfg.Cluster = "counter"
	cfg.Storage = persistence.NewDir(persistence.OS(), dir, persistence.Options{})
	cfg.Network = remote.NewTCP(remote.TCPConfig{Listen: address})
	cfg.Bootstrap = actors.NewCluster{Members: []engine.Member{{ID: 1, Role: engine.Voter, Address: address}}}
	if exists, err := cfg.Storage.Exists(); err != nil {
		return 0, err
	} else if exists {
		cfg.Bootstrap = actors.Recover{}
	}

	definition := statemachine.Definition[uint64, uint64]{
		New:   func() statemachine.Machine[uint64, uint64] { return &counter{} },
		Codec: codec{},
	}
	node, err := actors.Start(ctx, actor.NewActorSystem(), definition, cfg)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, node.Shutdown(ctx)) }()

	for {
		total, err = node.Write(ctx, 1)
		if !errors.Is(err, actors.ErrNoLeader) {
			return total, err // nil: the command is on disk at a majority, and applied here
		}
		time.Sleep(50 * time.Millisecond) // not applied: no node has been elected yet
	}
}

func main() {
	dir := flag.String("dir", "counter.data", "where the node keeps its log")
	address := flag.String("address", "127.0.0.1:7001", "where other nodes would reach it")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	total, err := count(ctx, *dir, *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(total)
}
