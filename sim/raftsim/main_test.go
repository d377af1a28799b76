package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/sim"
)

const hashesOf = "RAFTSIM_HASHES"

// TestMain prints the hashes of a hundred seeds if this process was started for that.
func TestMain(m *testing.M) {
	if os.Getenv(hashesOf) == "" {
		os.Exit(m.Run())
	}
	for seed := range uint64(100) {
		fmt.Printf("%016x\n", sim.Run(sim.Options{Seed: seed, Steps: 300}).Hash)
	}
}

// TestOneSeedIsOneRun in any process, and another seed is another one.
func TestOneSeedIsOneRun(t *testing.T) {
	first, second := hashes(t), hashes(t)
	require.Equal(t, first, second)
	lines := strings.Fields(first)
	require.Len(t, lines, 100)
	seen := map[string]bool{}
	for _, line := range lines {
		require.False(t, seen[line], line)
		seen[line] = true
	}
}

func hashes(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), hashesOf+"=1")
	command.Stderr = os.Stderr
	out, err := command.Output()
	require.NoError(t, err)
	return string(out)
}

// TestStdoutDependsOnTheArgumentsOnly: not on how many seeds run at a time, nor on time.
func TestStdoutDependsOnTheArgumentsOnly(t *testing.T) {
	a := arguments{seed: 5, seeds: 6, steps: 200, processes: 1}
	var alone, together, errs strings.Builder
	require.False(t, sweep(a, &alone, &errs))
	a.processes = 4
	require.False(t, sweep(a, &together, &errs))
	require.Equal(t, alone.String(), together.String())
	require.Contains(t, alone.String(), "6 seeds from 5 on")
	require.Contains(t, errs.String(), "a second")

	var single, again strings.Builder
	a = arguments{seed: 5, steps: 200, trace: true}
	require.False(t, one(a, &single, io.Discard))
	require.False(t, one(a, &again, io.Discard))
	require.Equal(t, single.String(), again.String())
	lines := strings.Split(strings.TrimSpace(single.String()), "\n")
	require.Regexp(t, `^seed 5: \d+ steps, hash [0-9a-f]{16}$`, lines[len(lines)-1])
}

// TestAFailureExplainsItself: seed, shrunk schedule, how to run it again and the end of the trace.
func TestAFailureExplainsItself(t *testing.T) {
	o := sim.Options{Seed: 1, Nodes: 3, Steps: 300}
	failed := sim.Run(o)
	failed.Err = fmt.Errorf("something")
	var b strings.Builder
	explain(&b, o, failed)
	for _, part := range []string{"seed 1 fails after", "shrunk to", "again: go run ./sim/raftsim -seed 1 -nodes 3 -steps 300", "its end:", "receives from"} {
		require.Contains(t, b.String(), part)
	}
}

func TestNumberList(t *testing.T) {
	for _, text := range []string{"none", "3", "3,17"} {
		var l numberList
		require.NoError(t, l.Set(text))
		require.Equal(t, text, l.String())
	}
	var l numberList
	require.Empty(t, l.String())
	require.Error(t, l.Set("x"))
}
