package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// isBusy reports whether a proposal was certainly not accepted and may be repeated here.
func isBusy(err error) bool {
	return errors.Is(err, actors.ErrBusy) && !errors.Is(err, actors.ErrOutcomeUnknown)
}

// endsConnection reports whether the node will not serve this client again.
func endsConnection(err error) bool {
	return errors.Is(err, actors.ErrShutdown) || errors.Is(err, actors.ErrFatal) || errors.Is(err, actors.ErrDriverDead)
}

// refusal turns the error of a proposal into the reply for one of its commands. What is asked first is whether
// the command may have been applied, because an error that says so may wrap one that alone would not.
func (s *server) refusal(c Command, err error) string {
	switch {
	case mayBeApplied(err) && c.readsOnly():
		return "TRYAGAIN the read was not answered: " + err.Error()
	case mayBeApplied(err):
		return "UNKNOWN the command may have been applied: " + err.Error()
	case errors.Is(err, actors.ErrShutdown):
		return "TRYAGAIN this node is shutting down"
	case errors.Is(err, actors.ErrTooLarge):
		return "ERR command is too large"
	}
	return s.redirection(c)
}

// mayBeApplied is true for everything but the errors that promise the contrary.
func mayBeApplied(err error) bool {
	if errors.Is(err, actors.ErrOutcomeUnknown) {
		return true
	}
	for _, never := range []error{
		actors.ErrNotLeader, actors.ErrNoLeader, actors.ErrShutdown, actors.ErrTooLarge, actors.ErrRejected,
	} {
		if errors.Is(err, never) {
			return false
		}
	}
	return true
}

// redirection sends a client to the leader, but never on a guess and never to this node: two nodes that took each
// other for the leader would send it back and forth for ever.
func (s *server) redirection(c Command) string {
	leader, address, ok := s.confirmedLeader()
	if !ok || leader == s.id {
		return "TRYAGAIN no leader is confirmed"
	}
	key, _ := c.firstKey()
	return fmt.Sprintf("MOVED %d %s", keySlot(key), address)
}

// confirmedLeader returns the leader, this node included, and where its clients connect.
func (s *server) confirmedLeader() (engine.NodeID, string, bool) {
	leader, known := s.store.CurrentLeader()
	if !known {
		return 0, "", false
	}
	address, confirmed := s.directory.confirmed(leader)
	return leader.ID, address, confirmed
}

// slots is the number of hash slots of Redis Cluster. All belong to the leader.
const slots = 16384

// keySlot returns the hash slot of a key: of the part between the first { and the next }, if there is one.
func keySlot(key string) uint16 {
	if _, behind, found := strings.Cut(key, "{"); found {
		if tag, _, closed := strings.Cut(behind, "}"); closed && tag != "" {
			key = tag
		}
	}
	return crc16(key) % slots
}

// crc16 is CRC-16/XMODEM: polynomial 0x1021, starting from zero.
func crc16(text string) uint16 {
	var crc uint16
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
