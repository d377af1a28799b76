package yggr

import (
	"encoding/binary"
	"fmt"

	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/statemachine"
)

// machine puts the workload's counter behind the library's interface.
type machine struct {
	counter *workload.Counter
	applied func() // nil, or somebody who watches
}

func (m *machine) Apply(_ statemachine.ApplyContext, command workload.Command) uint64 {
	value := m.counter.Apply(command)
	if m.applied != nil {
		m.applied()
	}
	return value
}

// definition returns the machine of one node. It is made once: these nodes are never restarted in one process.
func (r *Replica) definition(applied func()) statemachine.Definition[workload.Command, uint64] {
	m := &machine{counter: &r.counter, applied: applied}
	return statemachine.Definition[workload.Command, uint64]{
		New:   func() statemachine.Machine[workload.Command, uint64] { return m },
		Codec: codec{},
	}
}

// codec is the workload's own encoding.
type codec struct{}

func (codec) Encode(dst []byte, command workload.Command) ([]byte, error) {
	if dst == nil {
		return command.Bytes(), nil
	}
	return command.AppendTo(dst), nil
}

func (codec) Decode(data []byte) (workload.Command, error) { return workload.ParseCommand(data) }

func (codec) EncodeResponse(dst []byte, value uint64) ([]byte, error) {
	return binary.LittleEndian.AppendUint64(dst, value), nil
}

func (codec) DecodeResponse(data []byte) (uint64, error) {
	if len(data) != 8 {
		return 0, fmt.Errorf("bench: a response has 8 bytes, not %d", len(data))
	}
	return binary.LittleEndian.Uint64(data), nil
}
