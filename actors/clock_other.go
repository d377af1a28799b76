//go:build !linux

package actors

import (
	"time"

	"github.com/yggr-go/yggr/engine"
)

var processStart = time.Now()

// bootTime is monotonic. On this system it may stand still while the machine is suspended; keep leases off.
func bootTime() engine.Instant { return engine.Instant(time.Since(processStart)) }
