package actors

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/yggr-go/yggr/engine"
)

// TriggerSnapshot takes a snapshot of what this node has applied, and returns up to which index the log begins with it,
// as soon as a restart would. When nothing was applied since the last one, that one's index is returned at once. Nodes
// take snapshots by themselves (Config.SnapshotHintEntries and SnapshotHintBytes); this is for before a backup, or a
// shutdown. It concerns this node only, leader or not.
//
// Errors: [ErrSnapshotsUnsupported]; [ErrSnapshotInProgress], an [ErrBusy], while another one is being taken;
// [ErrNotReady] while the node holds nothing; a [SnapshotFailedError], after which the node goes on with its log as it
// is; [ErrSteppedDown] when the raft actor was restarted meanwhile; [ErrShutdown] and [FatalError] as elsewhere. When the context ends first the snapshot goes on without its caller,
// and the context's cause is returned.
func (n *Node[C, R]) TriggerSnapshot(ctx context.Context) (engine.Index, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	q := triggerCall{newFuture[engine.Index]()}
	n.core.mailbox.PostUserMessage(q)
	return q.wait(ctx)
}

// triggerCall is a snapshot that a Go caller asked for.
type triggerCall struct{ *future[engine.Index] }

func (q triggerCall) refuse(err error)             { q.resolve(0, err) }
func (q triggerCall) triggered(index engine.Index) { q.resolve(index, nil) }

// TriggerSnapshot asks a node for a snapshot: see Node.TriggerSnapshot. It is answered with [SnapshotTriggered] or with
// [ProposeFailed].
type TriggerSnapshot struct{}

// SnapshotTriggered says that the node's log begins with a snapshot that reaches Index.
type SnapshotTriggered struct{ Index engine.Index }

// triggerMessage is TriggerSnapshot in the lane of questions.
type triggerMessage struct {
	core   *core
	sender *actor.PID
}

func (q *triggerMessage) refuse(err error) { q.core.reply(q.sender, &ProposeFailed{Err: err}) }

func (q *triggerMessage) triggered(index engine.Index) {
	q.core.reply(q.sender, &SnapshotTriggered{Index: index})
}
