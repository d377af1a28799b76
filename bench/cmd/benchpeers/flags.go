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

// options are the flags.
type options struct {
	systems []string
	clients []int
	sizes   []int
	measure time.Duration
	warmUp  time.Duration
	rounds  int
	dir     string
	csv     string
	hops    bool

	profiles string   // directory, or empty
	traces   string   // directory, or empty
	profiled []string // systems
}

func parseFlags(args []string, output io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("benchpeers", flag.ContinueOnError)
	f.SetOutput(output)
	names := f.String("systems", "yggr,etcd,etcd-sync,floor", "what to measure, in this order: "+systemNames())
	clients := f.String("clients", "1,16,64,256,1024", "clients in the closed loop")
	sizes := f.String("size", "16", "bytes of a command")
	seconds := f.Float64("seconds", 1.5, "how long to measure each point")
	warmUp := f.Float64("warmup", 0.4, "how long to write before that, in seconds")
	f.IntVar(&o.rounds, "rounds", 5, "how often to measure each point; the table has the medians")
	f.StringVar(&o.dir, "dir", os.TempDir(), "a directory on the disk to measure; everything made in it is removed")
	f.StringVar(&o.csv, "csv", "", "also write every round to this file")
	f.BoolVar(&o.hops, "hops", false, "first show where the time of a single write goes")
	f.StringVar(&o.profiles, "cpuprofile", "", "write CPU profiles of what is measured into this directory")
	f.StringVar(&o.traces, "trace", "", "write execution traces of what is measured into this directory")
	profiled := f.String("profile-systems", "yggr", "of these systems")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.measure, o.warmUp = duration(*seconds), duration(*warmUp)
	var err [4]error
	o.systems, err[0] = parseSystems(*names)
	o.profiled, err[1] = parseSystems(*profiled)
	o.clients, err[2] = parseNumbers("clients", *clients, 1, 1<<16)
	o.sizes, err[3] = parseNumbers("size", *sizes, workload.MinSize, workload.MaxSize())
	return o, errors.Join(errors.Join(err[:]...), o.validate(f.Args()))
}

func (o options) validate(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.rounds < 1:
		return fmt.Errorf("-rounds %d is not positive", o.rounds)
	case o.measure <= 0 || o.warmUp < 0:
		return errors.New("-seconds must be positive, and -warmup not negative")
	}
	return nil
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func parseSystems(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, name := range names {
		if _, err := findSystem(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func parseNumbers(name, list string, least, most int) (numbers []int, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < least || n > most {
			return nil, fmt.Errorf("-%s %q is not a list of numbers in %d..%d", name, list, least, most)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
