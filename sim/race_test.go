//go:build race

package sim

// raceEnabled says that the race detector slows everything down. A run has one goroutine, so there is little to detect.
const raceEnabled = true
