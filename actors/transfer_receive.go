package actors

import (
	"errors"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
)

// partialFile is what of a snapshot has arrived; see persistence.SnapshotReceiver.
type partialFile interface {
	Offset() uint64
	Append(offset uint64, data []byte) error
}

// An intake acknowledges after ackChunks chunks or ackBytes, whichever is less: well below the least window.
const (
	ackChunks = 4
	ackBytes  = 256 << 10
)

var errSilentSender = errors.New("actors: nothing more comes of the snapshot")

// intake is a snapshot that is arriving. It takes the file in order: what comes twice or too early is ignored, since
// the sender begins again where this node has it.
type intake struct {
	from     engine.NodeID
	transfer engine.TransferID
	size     uint64
	file     partialFile

	told  uint64 // what was acknowledged
	quiet int    // ticks without a byte
}

func newIntake(order *receiveSnapshot, file partialFile) *intake {
	return &intake{from: order.from, transfer: order.transfer, size: order.snapshot.Size, file: file, told: file.Offset()}
}

// complete reports whether every byte is here. Whether they are right is another question.
func (i *intake) complete() bool { return i.file.Offset() == i.size }

// take writes a chunk and reports whether to acknowledge. An error is the disk's.
func (i *intake) take(chunk *remote.Chunk) (ack bool, err error) {
	have, end := i.file.Offset(), chunk.Offset+uint64(len(chunk.Data))
	switch {
	case end > i.size || chunk.Offset > have:
		return false, nil // no part of this file, or behind a gap
	case end <= have:
		return true, nil // the acknowledgement was lost
	}
	if err := i.file.Append(have, chunk.Data[have-chunk.Offset:]); err != nil {
		return false, err
	}
	i.quiet = 0
	enough := min(ackBytes, ackChunks*uint64(len(chunk.Data)))
	return i.complete() || end-i.told >= enough, nil
}

// acknowledge returns what to tell the sender.
func (i *intake) acknowledge() remote.ChunkAck {
	i.told = i.file.Offset()
	return remote.ChunkAck{Transfer: i.transfer, Offset: i.told}
}

// tick lets time pass. A slow sender hears of each chunk at the next tick at the latest.
func (i *intake) tick() (ack bool, err error) {
	i.quiet++
	if i.quiet >= patienceTicks {
		return false, errSilentSender
	}
	return i.file.Offset() > i.told, nil
}
