package actors

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
	"github.com/yggr-go/yggr/remote"
	"github.com/yggr-go/yggr/statemachine"
)

// relayed has a leader hear of a proposal that node 2 sends on, and returns what it answers.
func relayedTo(l *lone, id uint64, commands ...[]byte) *engine.ProposalForwardResult {
	l.t.Helper()
	l.in.Deliver(peer2, &engine.ProposalForward{Term: l.term(l.node), Origin: 9, ID: id, Commands: commands}, 40)
	return heard[*engine.ProposalForwardResult](l)
}

// Bytes that do not decode stop every node that applies them. A follower may know commands that its leader does not, as
// while a cluster is upgraded.
func TestRelayedBytesThatAreNoCommandAreRefused(t *testing.T) {
	l := newLeader(t, nil)
	require.Equal(t, engine.ForwardBadCommand, relayedTo(l, 1, encoded(t, 1), []byte("from the future")).Outcome)
	require.Equal(t, [][]byte{encoded(t, 2)}, relayedTo(l, 2, encoded(t, 2)).Responses, "nothing of the first was applied")
	require.NoError(t, l.node.Err())
}

func TestLeaderWhoseCodecHasNoResponsesRelaysNothing(t *testing.T) {
	l := newLeader(t, func(cfg *Config) { cfg.ForwardProposals = false })
	app := l.node.core.app.(typedApplication[int64, int64])
	app.def.Codec = responseless{counterCodec{}}
	l.node.core.app = app
	answer := relayedTo(l, 1, encoded(t, 1))
	require.Equal(t, engine.ForwardNotLeader, answer.Outcome)
	require.EqualValues(t, 1, answer.Leader, "its clients can come here")
	sum, err := l.node.Write(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, sum)
}

// What was queued while its term ended is not proposed in a later one: its sender waits for it no more.
func TestRelayedProposalIsGoodForOneTerm(t *testing.T) {
	l := newLeader(t, nil)
	p, port := testProposal(1)
	p.commands[0], p.relayedIn = encoded(t, 1), l.term(l.node)-1
	own, ownPort := testProposal(1)
	own.commands[0] = encoded(t, 2)
	l.node.core.mailbox.PostUserMessage(p)
	l.node.core.mailbox.PostUserMessage(own)
	l.eventually(func() bool { return l.node.core.mailbox.admission.pending() == 0 })
	require.Equal(t, [][]byte{encoded(t, 5)}, relayedTo(l, 1, encoded(t, 3)).Responses)
	require.Len(t, port.answers, 1)
	require.ErrorIs(t, port.answers[0], ErrNotLeader)
	require.Equal(t, []error{nil}, ownPort.answers)
}

// A frame that is too large would be dropped, and the other node would wait in vain.
func TestResponsesThatFitIntoNoMessageAreUnknownAtOnce(t *testing.T) {
	app := typedApplication[int64, []byte]{def: statemachine.Definition[int64, []byte]{Codec: largeCodec{}}}
	for size, want := range map[int]engine.ForwardOutcome{
		maxForwardBytes - 1: engine.ForwardApplied,
		maxForwardBytes:     engine.ForwardUnknown,
	} {
		var way catcher
		port := &relayPort{
			core: &core{app: app}, life: &life{}, to: 2, request: &engine.ProposalForward{Term: 4, Origin: 9, ID: 1},
			responses: make([][]byte, 2),
		}
		port.life.attach(&way)
		port.put(0, 0, make([]byte, size))
		port.put(0, 1, []byte{1})
		port.finish(0, nil)
		require.Equal(t, want, way.sent.(*engine.ProposalForwardResult).Outcome, "%d bytes", size)
	}
}

// catcher is a transport that keeps the last message.
type catcher struct {
	remote.Transport
	sent engine.Message
}

func (c *catcher) Send(_ engine.NodeID, message engine.Message) { c.sent = message }

type largeCodec struct{ statemachine.Codec[int64] }

func (largeCodec) EncodeResponse(dst, response []byte) ([]byte, error) {
	return append(dst, response...), nil
}
func (largeCodec) DecodeResponse(data []byte) ([]byte, error) { return data, nil }

// errorCodec is of a machine whose responses are an interface: nil is one of them.
type errorCodec struct{ statemachine.Codec[int64] }

func (errorCodec) EncodeResponse(dst []byte, response error) ([]byte, error) {
	if response == nil {
		return dst, nil
	}
	return append(dst, response.Error()...), nil
}

func (errorCodec) DecodeResponse(data []byte) (error, error) {
	if len(data) == 0 {
		return nil, nil
	}
	return errors.New(string(data)), nil
}

func TestNilIsAResponse(t *testing.T) {
	app := typedApplication[int64, error]{def: statemachine.Definition[int64, error]{Codec: errorCodec{}}}
	data, err := app.encodeResponse(nil)
	require.NoError(t, err)
	require.Empty(t, data)
	_, err = app.encodeResponse(7)
	require.ErrorContains(t, err, "int")
}

// panicking is a codec that meets a response which it cannot encode.
type panicking struct{ counterCodec }

func (panicking) EncodeResponse([]byte, int64) ([]byte, error) { panic("unheard of") }

// The command is applied on every node; only one node's caller cannot be told of it.
func TestResponseThatDoesNotEncodeStopsNoNode(t *testing.T) {
	l := newLeader(t, nil)
	app := l.node.core.app.(typedApplication[int64, int64])
	app.def.Codec = panicking{}
	l.node.core.app = app
	require.Equal(t, engine.ForwardUnknown, relayedTo(l, 1, encoded(t, 1)).Outcome)
	sum, err := l.node.Write(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 3, sum)
}
