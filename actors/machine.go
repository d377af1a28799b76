package actors

import (
	"errors"
	"fmt"

	"github.com/yggr-go/yggr/statemachine"
)

// application is a statemachine.Definition without its type parameters: what the untyped actors know of it.
type application interface {
	// newMachine makes a fresh, empty machine.
	newMachine() machine
	// encode turns a command that came as a message into bytes.
	encode(command any) ([]byte, error)
	// check tells whether bytes from another process are a command.
	check(data []byte) error
	// hasResponses tells whether responses can be turned into bytes and back.
	hasResponses() bool
	// encodeResponse turns a response into bytes for a caller in another process; none where there is no codec for it.
	encodeResponse(response any) ([]byte, error)
	// decodeResponse is its reverse, for bytes of the leader.
	decodeResponse(data []byte) (any, error)
}

// machine is a statemachine.Machine without its type parameters.
type machine interface {
	// apply applies one command and, when someone waits, puts the response where it is expected. It fails only
	// when the command cannot be decoded.
	apply(ctx statemachine.ApplyContext, data []byte, w *waiter) error
	// user returns the statemachine.Machine itself, for reads.
	user() any
	// snapshotter returns the machine as one that can be captured and restored; nil when it cannot.
	snapshotter() statemachine.Snapshotter
}

type typedApplication[C, R any] struct {
	def statemachine.Definition[C, R]
}

func (a typedApplication[C, R]) newMachine() machine {
	return &typedMachine[C, R]{machine: a.def.New(), codec: a.def.Codec}
}

func (a typedApplication[C, R]) encode(command any) ([]byte, error) {
	c, ok := command.(C)
	if !ok {
		var want C
		return nil, fmt.Errorf("%w: got a %T, want a %T", ErrBadCommand, command, want)
	}
	data, err := a.def.Codec.Encode(nil, c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	return data, nil
}

func (a typedApplication[C, R]) check(data []byte) (err error) {
	defer func() { // the bytes are not trusted, and this is the sender's goroutine
		if reason := recover(); reason != nil {
			err = fmt.Errorf("%w: the codec panicked: %v", ErrBadCommand, reason)
		}
	}()
	if _, err := a.def.Codec.Decode(data); err != nil {
		return fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
	return nil
}

func (a typedApplication[C, R]) hasResponses() bool {
	_, ok := a.def.Codec.(statemachine.ResponseCodec[R])
	return ok
}

func (a typedApplication[C, R]) encodeResponse(response any) (data []byte, err error) {
	defer func() { // the command is applied: that one caller cannot be told of it is no reason to stop the node
		if reason := recover(); reason != nil {
			err = fmt.Errorf("actors: the codec panicked: %v", reason)
		}
	}()
	codec, ok := a.def.Codec.(statemachine.ResponseCodec[R])
	if !ok {
		return nil, nil
	}
	r, ok := response.(R)
	if !ok && response != nil { // nil is a response where R is an interface
		return nil, fmt.Errorf("actors: got a %T for a response", response)
	}
	return codec.EncodeResponse(nil, r)
}

func (a typedApplication[C, R]) decodeResponse(data []byte) (response any, err error) {
	defer func() { // the bytes are another node's
		if reason := recover(); reason != nil {
			err = fmt.Errorf("actors: the codec panicked: %v", reason)
		}
	}()
	codec, ok := a.def.Codec.(statemachine.ResponseCodec[R])
	if !ok {
		return nil, errNoResponses
	}
	return codec.DecodeResponse(data)
}

var errNoResponses = errors.New("actors: the codec has no responses")

type typedMachine[C, R any] struct {
	machine statemachine.Machine[C, R]
	codec   statemachine.Codec[C]
}

func (m *typedMachine[C, R]) user() any { return m.machine }

func (m *typedMachine[C, R]) snapshotter() statemachine.Snapshotter {
	s, _ := m.machine.(statemachine.Snapshotter)
	return s
}

func (m *typedMachine[C, R]) apply(ctx statemachine.ApplyContext, data []byte, w *waiter) error {
	command, err := m.codec.Decode(data)
	if err != nil {
		return fmt.Errorf("actors: command at %d/%d does not decode: %w", ctx.Term, ctx.Index, err)
	}
	response := m.machine.Apply(ctx, command)
	if w == nil {
		return nil
	}
	slot := int(ctx.Index - uint64(w.first))
	if caller, ok := w.reply.(*call[R]); ok {
		caller.putTyped(w.use, slot, response)
		return nil
	}
	w.reply.put(w.use, slot, response)
	return nil
}
