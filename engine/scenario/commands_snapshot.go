package scenario

import (
	"fmt"

	"github.com/yggr-go/yggr/engine"
)

func init() {
	commands["snapshot"] = onNodeOrError(func(s *Script, id engine.NodeID) error {
		if err := s.cluster.Capture(id); err != nil {
			return err
		}
		s.cluster.Report(id)
		return nil
	})
	commands["capture"] = onNodeOrError(func(s *Script, id engine.NodeID) error { return s.cluster.Capture(id) })
	commands["report"] = onNodeOrError(func(s *Script, id engine.NodeID) error {
		if !s.cluster.Report(id) {
			return fmt.Errorf("%v has captured nothing", id)
		}
		return nil
	})
	commands["fill-disk"] = onNode(func(s *Script, id engine.NodeID) { s.cluster.FillDisk(id, true) })
	commands["free-disk"] = onNode(func(s *Script, id engine.NodeID) { s.cluster.FillDisk(id, false) })
	commands["chunk"] = onTransfer(func(s *Script, t Transfer, bytes uint64) { s.cluster.MoveChunk(t, bytes) })
	commands["interrupt"] = onTransfer(func(s *Script, t Transfer, _ uint64) { s.cluster.Interrupt(t, false) })
	commands["lose-file"] = onTransfer(func(s *Script, t Transfer, _ uint64) { s.cluster.Interrupt(t, true) })
	commands["damage"] = onTransfer(func(s *Script, t Transfer, _ uint64) { s.cluster.Damage(t) })
}

func onNodeOrError(do func(*Script, engine.NodeID) error) command {
	return func(s *Script, c call) error {
		id, err := s.node(c, 0)
		if err == nil {
			err = do(s, id)
		}
		return err
	}
}

// onTransfer is a command with a link that a snapshot is on, and perhaps a number of bytes.
func onTransfer(do func(*Script, Transfer, uint64)) command {
	return func(s *Script, c call) error {
		var chosen selection
		if len(c.words) == 0 {
			return fmt.Errorf("which transfer?")
		}
		if err := chosen.narrow(c.words[0]); err != nil {
			return err
		}
		for _, t := range s.cluster.Transfers() {
			if t.From == chosen.from && t.To == chosen.to {
				bytes, err := c.number(1, int(t.Left))
				if err == nil {
					do(s, t, uint64(bytes))
				}
				return err
			}
		}
		return fmt.Errorf("no snapshot is on %s", c.words[0])
	}
}
