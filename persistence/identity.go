package persistence

import (
	"errors"
	"fmt"
	"io"

	"github.com/yggr-go/yggr/engine"
)

// String prints the identity the way errors do: n1 (incarnation 00c0ffee) of cluster name:hash.
func (id Identity) String() string {
	return fmt.Sprintf("%v (incarnation %016x) of cluster %q", id.Node, uint64(id.Incarnation), id.Cluster.String())
}

// validate refuses what could not be told apart later.
func (id Identity) validate() error {
	switch {
	case id.Node == 0:
		return errors.New("persistence: identity without a node id")
	case id.Incarnation == 0:
		return errors.New("persistence: identity without an incarnation")
	case id.Cluster.Name == "" || len(id.Cluster.Name) > engine.MaxClusterName:
		return fmt.Errorf("persistence: cluster name of %d bytes, 1 to %d are allowed", len(id.Cluster.Name), engine.MaxClusterName)
	}
	return nil
}

// checkWanted compares what was found with the node and cluster that the caller expects.
func (id Identity) checkWanted(want Identity) error {
	if id.Node == want.Node && id.Cluster.Same(want.Cluster) {
		return nil
	}
	return fmt.Errorf("%w: found %v, expected %v of cluster %q", ErrForeign, id, want.Node, want.Cluster.String())
}

// checkPin decides whether the cluster id may become the given one. It returns false where it already is.
func (id Identity) checkPin(pin engine.ClusterID) (bool, error) {
	if !id.Cluster.Same(pin) {
		return false, fmt.Errorf("%w: found %v, expected cluster %q", ErrForeign, id, pin.String())
	}
	return pin.Pinned() && !id.Cluster.Pinned(), nil
}

// writeIdentity makes the identity durable under a temporary name. Renamed, it appears whole or not at all.
func (d directory) writeIdentity(id Identity) error {
	var sector [sectorSize]byte
	putIdentity(sector[:], id)
	stamp(sector[:], identityMagic)
	file, err := d.createAnew(identityTmpName)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(sector[:], 0); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

func (d directory) readIdentity() (Identity, error) {
	file, err := d.fsys.OpenRead(d.join(identityName))
	if err != nil {
		return Identity{}, fmt.Errorf("persistence: %w", err)
	}
	sector := make([]byte, sectorSize)
	n, err := file.ReadAt(sector, 0)
	if closeErr := file.Close(); err == nil || errors.Is(err, io.EOF) {
		err = closeErr
	}
	if err != nil {
		return Identity{}, fmt.Errorf("persistence: %s: %w", d.join(identityName), err)
	}
	if err := checkStamp(sector[:n], identityMagic); err != nil {
		return Identity{}, fmt.Errorf("%w (%s)", err, d.join(identityName))
	}
	return identityAt(sector)
}
