package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
	"github.com/yggr-go/yggr/engine"
)

// nodeVariable is set in the environment of a child process that runs one node, to be killed.
const nodeVariable = "BENCHFAULTS_NODE"

// nodeTask is what the node is started with.
type nodeTask struct {
	ID      engine.NodeID
	Members []engine.Member
	Dir     string
	Recover bool
}

// runNode is the child process. It writes an event a line, and answers each line that it reads with a status. When its
// input ends it stops.
func runNode(ctx context.Context, encoded string, stdin io.Reader, stdout io.Writer) (err error) {
	var t nodeTask
	if err := json.Unmarshal([]byte(encoded), &t); err != nil {
		return err
	}
	w := newWitness(stdout)
	node, err := yggr.StartReplica(ctx, yggr.ReplicaConfig{
		ID: t.ID, Members: t.Members, Dir: t.Dir, Recover: t.Recover, Wrap: yggr.Wrap{Network: w.network},
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = errors.Join(err, node.Stop(ctx))
	}()
	questions := bufio.NewScanner(stdin)
	for questions.Scan() {
		if err := answer(ctx, node, w); err != nil {
			return err
		}
	}
	return questions.Err()
}

func answer(ctx context.Context, node *yggr.Replica, w *witness) error {
	status, err := node.Status(ctx)
	if err = errors.Join(err, status.Err); err != nil {
		return err
	}
	return w.tell(event{Status: &nodeStatus{
		Leader: status.Leader, Term: status.Term, Applied: status.Applied, State: node.Counter().State(),
	}})
}

// nodeStatus is what a node is asked for.
type nodeStatus struct {
	Leader  engine.NodeID // zero when unknown
	Term    engine.Term
	Applied engine.Index
	State   workload.State
}
