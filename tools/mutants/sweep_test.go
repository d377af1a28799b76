package main

import "testing"

func TestReadSweep(t *testing.T) {
	for _, c := range []struct{ name, output, want string }{
		{"a property", "seed 117: check: linearizable reads: n1 serves read 3\n", "117: linearizable reads"},
		{"a panic", "seed 3: panic: engine: reads ascend\n", "3: panic"},
		{"stopped", "fatal error: out of memory\n", "stopped by a limit within 200"},
	} {
		if got := readSweep(c.output, 200).String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := (&sweep{seeds: 2000}).String(); got != "none of 2000" {
		t.Error(got)
	}
}
