//go:build race

package main

// raceDetector makes the processes that the test starts be built like the test itself.
const raceDetector = true
