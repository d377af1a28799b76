//go:build race

package main

// raceDetector makes the processes that tests start be built like the tests themselves.
const raceDetector = true
