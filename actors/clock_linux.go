package actors

import (
	"golang.org/x/sys/unix"

	"github.com/yggr-go/yggr/engine"
)

// bootTime is monotonic and, unlike the clock behind package time, runs while the machine is suspended: a
// leader that slept must not believe in its lease.
func bootTime() engine.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("actors: no CLOCK_BOOTTIME: " + err.Error())
	}
	return engine.Instant(ts.Nano())
}
