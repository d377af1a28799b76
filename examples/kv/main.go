package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // the node could not start, or failed
	exitUsage   = 2 // the command line is wrong; nothing was touched
)

// drainTimeout bounds how long clients are waited for at the end.
const drainTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the process: it serves until ctx ends or the node fails, and returns the exit code. Whatever goes wrong is
// told in one line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "kv: %s (see kv --help)\n", oneLine(err))
		return exitUsage
	}
	logger := hclog.New(&hclog.LoggerOptions{
		Name:   "kv",
		Level:  hclog.LevelFromString(o.logLevel),
		Output: stderr,
	})
	if err := serve(ctx, o, logger, stdout); err != nil {
		fmt.Fprintf(stderr, "kv: %s\n", oneLine(err))
		return exitFailure
	}
	return exitOK
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// serve runs a node and its client port. Both ports are tried first: a data directory remembers the founders and their
// addresses, so none is made for addresses that are not to be had.
func serve(ctx context.Context, o options, logger hclog.Logger, stdout io.Writer) error {
	listener, err := net.Listen("tcp", o.clientAddress)
	if err != nil {
		return fmt.Errorf("client port: %w", err)
	}
	defer func() { _ = listener.Close() }() // closed before, but for a node that does not start
	if err := tryPort(o.peerAddress); err != nil {
		return fmt.Errorf("peer port: %w", err)
	}
	dir := &directory{}
	n, err := startNode(ctx, o, dir, logger)
	if err != nil {
		return explain(err, o)
	}
	address := clientAddress(o.advertise, listener)
	s := newServer(nodeStore{n}, dir, o.id, o.cluster, address, logger.Named("clients"))
	go s.serve(listener)
	announcing := goAnnounce(&announcer{store: nodeStore{n}, id: o.id, address: address, logger: logger})
	fmt.Fprintf(stdout, "ready node=%d clients=%s peers=%s\n", o.id, listener.Addr(), peerAddress(ctx, n, o, logger))

	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case <-n.Done():
	}
	return stop(s, n, announcing)
}

// tryPort reports whether an address can be listened on.
func tryPort(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// stop ends in the order in which answers are still possible: clients first, the node last.
func stop(s *server, n *node, announcing func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	s.shutdown(ctx)
	announcing()
	shutdown, cancelShutdown := context.WithTimeout(context.Background(), 2*drainTimeout)
	defer cancelShutdown()
	err := n.Shutdown(shutdown)
	if n.Err() != nil {
		return n.Err()
	}
	return err
}

// goAnnounce runs an announcer until the returned function is called, which waits for its end.
func goAnnounce(a *announcer) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// clientAddress is what clients are told: the port that was bound where the advertised one is 0.
func clientAddress(advertised string, listener net.Listener) string {
	host, port, err := net.SplitHostPort(advertised)
	if err != nil || port != "0" {
		return advertised
	}
	_, bound, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return advertised
	}
	return net.JoinHostPort(host, bound)
}
