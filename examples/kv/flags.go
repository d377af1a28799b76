package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/yggr-go/yggr/engine"
)

// Values of --bootstrap.
const (
	bootstrapAuto    = "auto"
	bootstrapNew     = "new"
	bootstrapJoin    = "join"
	bootstrapRecover = "recover"
)

// options is what the command line says.
type options struct {
	id            engine.NodeID
	cluster       string
	peerAddress   string // where this node listens for peers
	clientAddress string // where it listens for clients
	advertise     string // what clients are told; empty: the address it listens on
	dataDir       string
	bootstrap     string
	logLevel      string
	lease         bool // the leader reads under a lease
	forward       bool // writes are sent on to the leader

	snapshotEntries, trailingEntries int // 0 and -1: the library's defaults

	peers peerList
}

// peerList collects the founders named by repeated --peer flags.
type peerList []engine.Member

// String implements [flag.Value].
func (l *peerList) String() string { return fmt.Sprint(*l) }

// Set implements [flag.Value]: id=host:port.
func (l *peerList) Set(text string) error {
	name, address, found := strings.Cut(text, "=")
	if !found {
		return errors.New("want id=host:port")
	}
	id, err := strconv.ParseUint(name, 10, 64)
	if err != nil || id == 0 {
		return fmt.Errorf("%q is not a node id", name)
	}
	if err := checkAddress(address, dialable); err != nil {
		return err
	}
	member := engine.Member{ID: engine.NodeID(id), Role: engine.Voter, Address: address}
	if slices.ContainsFunc(*l, func(m engine.Member) bool { return m.ID == member.ID }) {
		return fmt.Errorf("node %d is named twice", id)
	}
	*l = append(*l, member)
	return nil
}

// errUsage is wrapped by everything that is wrong with a command line.
var errUsage = errors.New("usage")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errUsage}, args...)...)
}

// parseFlags reads a command line. It returns [flag.ErrHelp] after it has written the help that was asked for.
func parseFlags(args []string, help io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("kv", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Uint64Var((*uint64)(&o.id), "node-id", 0, "number of this node, not 0")
	set.StringVar(&o.cluster, "cluster", "kv", "name of the cluster, the same on every node")
	set.StringVar(&o.peerAddress, "peer-addr", "127.0.0.1:7379", "host:port to listen on for other nodes")
	set.StringVar(&o.clientAddress, "client-addr", "127.0.0.1:6379", "host:port to listen on for clients")
	set.StringVar(&o.advertise, "advertise-client-addr", "", "host:port that clients are sent to (default: --client-addr)")
	set.StringVar(&o.dataDir, "data-dir", "", "directory of this node's data")
	set.StringVar(&o.bootstrap, "bootstrap", bootstrapAuto,
		"auto (recover where state exists, else new), new, join or recover")
	set.StringVar(&o.logLevel, "log-level", "info", "trace, debug, info, warn, error or off")
	set.BoolVar(&o.lease, "lease", false, "read under a lease of the leader; needs clocks that never stop or drift by 5 %")
	set.IntVar(&o.snapshotEntries, "snapshot-entries", 0, "take a snapshot after so many entries (default: that of the library, 65536)")
	set.IntVar(&o.trailingEntries, "trailing-entries", -1, "entries that stay below a snapshot (default: those of the library, 10240)")
	set.BoolVar(&o.forward, "forward", false, "send writes on to the leader instead of sending their clients there")
	set.Var(&o.peers, "peer", "id=host:port of a founding node; once for each, this one may be left out")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(help, "kv: a replicated key-value store that speaks the Redis protocol")
			set.SetOutput(help)
			set.PrintDefaults()
			fmt.Fprintln(help, "\nThe client port takes what administers the cluster, too (see examples/README.md):")
			for _, line := range newHelpReport().lines() {
				fmt.Fprintln(help, "  "+line)
			}
			return o, err
		}
		return o, usageError("%w", err)
	}
	if set.NArg() > 0 {
		return o, usageError("unexpected argument %q", set.Arg(0))
	}
	return o, o.validate()
}

func (o *options) validate() error {
	if o.advertise == "" {
		o.advertise = o.clientAddress
	}
	switch {
	case o.id == 0:
		return usageError("--node-id is missing")
	case o.snapshotEntries < 0:
		return usageError("--snapshot-entries %d is negative", o.snapshotEntries)
	case o.dataDir == "":
		return usageError("--data-dir is missing")
	case o.cluster == "" || len(o.cluster) > engine.MaxClusterName:
		return usageError("--cluster needs 1 to %d bytes", engine.MaxClusterName)
	case !slices.Contains([]string{bootstrapAuto, bootstrapNew, bootstrapJoin, bootstrapRecover}, o.bootstrap):
		return usageError("--bootstrap %q is none of auto, new, join, recover", o.bootstrap)
	case !slices.Contains([]string{"trace", "debug", "info", "warn", "error", "off"}, o.logLevel):
		return usageError("--log-level %q is none of trace, debug, info, warn, error, off", o.logLevel)
	}
	for _, check := range []struct {
		flag, address string
		use           addressUse
	}{
		{"--peer-addr", o.peerAddress, listenable},
		{"--client-addr", o.clientAddress, listenable},
		{"--advertise-client-addr", o.advertise, advertised},
	} {
		if err := checkAddress(check.address, check.use); err != nil {
			return usageError("%s: %w", check.flag, err)
		}
	}
	return nil
}

// members returns the founders, this node included.
func (o *options) members() []engine.Member {
	if slices.ContainsFunc(o.peers, func(m engine.Member) bool { return m.ID == o.id }) {
		return o.peers
	}
	self := engine.Member{ID: o.id, Role: engine.Voter, Address: o.peerAddress}
	return append(slices.Clone(o.peers), self)
}

// addressUse says what an address must be good for.
type addressUse int

const (
	listenable addressUse = iota // any host, any port
	advertised                   // a host to dial; port 0 means the port that is bound
	dialable                     // a host and a port to dial
)

func checkAddress(address string, use addressUse) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535", address)
	}
	if use == listenable {
		return nil
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("%q names no host that others can dial", address)
	}
	if use == dialable && number == 0 {
		return fmt.Errorf("%q has no port that others can dial", address)
	}
	return nil
}
