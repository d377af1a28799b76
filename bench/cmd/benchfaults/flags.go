package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

// commandSize is the size of every command, in bytes.
const commandSize = workload.MinSize

// options are the flags.
type options struct {
	clients  []int
	pairs    int
	measure  time.Duration
	warmUp   time.Duration
	restarts int
	pause    time.Duration
	dir      string
}

func parseFlags(args []string, output io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("benchfaults", flag.ContinueOnError)
	f.SetOutput(output)
	clients := f.String("clients", "1,64", "clients in the closed loop while a follower is black-holed")
	f.IntVar(&o.pairs, "pairs", 5, "pairs of a healthy and a black-holed run for each number of clients; 0: none")
	f.DurationVar(&o.measure, "measure", 6*time.Second, "how long to measure each run of a pair; more than 4s, and what a node does about dead connections is in it")
	f.DurationVar(&o.warmUp, "warmup", time.Second, "how long to write before that")
	f.IntVar(&o.restarts, "restarts", 50, "how often to kill a follower and start it again; 0: never")
	f.DurationVar(&o.pause, "pause", time.Second, "the longest time that a killed follower stays away; each is drawn below it")
	f.StringVar(&o.dir, "dir", os.TempDir(), "a directory on the disk to measure on; everything made in it is removed")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	o.clients, err = parseClients(*clients)
	return o, errors.Join(err, o.validate(f.Args()))
}

func parseClients(list string) (numbers []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > 1<<16 {
			return nil, fmt.Errorf("-clients %q is not a list of numbers in 1..%d", list, 1<<16)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

func (o options) validate(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.pairs < 0 || o.restarts < 0:
		return errors.New("-pairs and -restarts must not be negative")
	case o.measure <= 0 || o.warmUp < 0 || o.pause < 0:
		return errors.New("-measure must be positive, -warmup and -pause not negative")
	}
	return nil
}
