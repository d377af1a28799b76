package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings of a run.
type settings struct {
	clients int
	writes  int64    // to be acknowledged between two steps
	build   []string // flags of go build
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var use settings
	flag.IntVar(&use.clients, "clients", 8, "how many clients write")
	flag.Int64Var(&use.writes, "writes", 1000, "how many writes are waited for between two steps")
	flag.Parse()
	if flag.NArg() > 0 || use.clients < 1 || use.writes < 0 {
		flag.Usage()
		os.Exit(2)
	}
	code := run(ctx, use, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it returns the exit code, and leaves neither processes nor files.
func run(ctx context.Context, use settings, stdout, stderr io.Writer) int {
	if err := play(ctx, use, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "FAILED: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, "Nothing acknowledged is lost, nothing was done twice.")
	return 0
}

func play(ctx context.Context, use settings, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "dynamic-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
	binary, err := build(ctx, dir, use.build)
	if err != nil {
		return err
	}
	c := &cluster{binary: binary, dir: dir, nodes: make(map[int]*node), book: &addressBook{}}
	defer c.killAll()
	s := &scenario{cluster: c, writes: use.writes, out: stdout, begun: time.Now()}
	err = s.run(ctx, use.clients)
	if s.load != nil {
		fmt.Fprintf(stdout, "%d reads on the way. Besides, clients were told: %v\n", s.load.reads.Load(), &s.load.met)
	}
	fmt.Fprintf(stdout, "The operator was told: %v\n", &c.met)
	if err != nil {
		c.lastWords(stderr)
	}
	return err
}
