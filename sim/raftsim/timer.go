package main

import (
	"fmt"
	"io"
	"time"
)

// timer is the only part of the simulator that looks at the clock of the world.
type timer struct{ start time.Time }

//nolint:forbidigo // how long a run took is told on stderr, and nothing depends on it
func begin() timer { return timer{time.Now()} }

func (t timer) report(w io.Writer, steps int) {
	took := time.Since(t.start) //nolint:forbidigo // as above
	fmt.Fprintf(w, "%d steps in %v: %.0f a second\n", steps, took.Round(time.Millisecond), float64(steps)/took.Seconds())
}
