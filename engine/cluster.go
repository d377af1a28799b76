package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// ClusterID tells clusters apart: the name that its users chose and the hash of the founders' entry, so that
// founders who disagree about the founding membership refuse each other. A joiner knows only the name until its
// first contact.
type ClusterID struct {
	Name     string   // 1 to [MaxClusterName] bytes
	Founders [16]byte // zero: not known yet
}

// MaxClusterName bounds a cluster's name, in bytes.
const MaxClusterName = 128

// NewClusterID returns the id of the cluster called name that begins with the given founders' entry.
func NewClusterID(name string, founders Entry) ClusterID {
	sum := sha256.Sum256(founders.Data)
	id := ClusterID{Name: name}
	copy(id.Founders[:], sum[:])
	return id
}

// Pinned reports whether the founders' hash is known.
func (c ClusterID) Pinned() bool { return c.Founders != [16]byte{} }

// Same reports whether c and other can be one cluster: the names are equal, and so are the hashes where both
// are known.
func (c ClusterID) Same(other ClusterID) bool {
	return c.Name == other.Name && (!c.Pinned() || !other.Pinned() || c.Founders == other.Founders)
}

// String prints name:hash, or name:? before the hash is known.
func (c ClusterID) String() string {
	if !c.Pinned() {
		return c.Name + ":?"
	}
	return fmt.Sprintf("%s:%s", c.Name, hex.EncodeToString(c.Founders[:4]))
}
