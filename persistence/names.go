package persistence

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// The names in a directory:
//
//	lock                          held while the directory is open
//	identity                      whose data this is; where it exists, Create completed or is completed by Open
//	identity.tmp                  an identity being written
//	founding.tmp                  the first segment, complete but not yet named, while Create runs
//	spare.tmp                     the next segment, being filled with zeros
//	spare-0000000000000001.tmp    a segment that was freed, to be used again; until then its content stays
//	segment-0000000000000001.log  a segment; the number is a hint, the header decides
//	snapshots                     a directory: see snapshot_store.go
const (
	lockName        = "lock"
	identityName    = "identity"
	identityTmpName = "identity.tmp"
	foundingName    = "founding.tmp"
	spareName       = "spare.tmp"
	snapshotsName   = "snapshots"

	segmentPrefix = "segment-"
	segmentSuffix = ".log"
	freedPrefix   = "spare-"
	freedSuffix   = ".tmp"
)

func segmentName(number uint64) string {
	return fmt.Sprintf("%s%016x%s", segmentPrefix, number, segmentSuffix)
}

// segmentNumber reads the number out of a segment's name.
func segmentNumber(name string) (uint64, bool) { return numberIn(name, segmentPrefix, segmentSuffix) }

// freedName is the name of a freed segment. It is as unique as the segment's was.
func freedName(segment string) string {
	number, _ := segmentNumber(segment)
	return fmt.Sprintf("%s%016x%s", freedPrefix, number, freedSuffix)
}

func numberIn(name, prefix, suffix string) (uint64, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	digits, ok := strings.CutSuffix(rest, suffix)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 16, 64)
	return number, err == nil
}

// directory is a place in a file system.
type directory struct {
	fsys FS
	path string
}

// newDirectory cleans the path. Joined to a name it is cleaned anyway, and a path that leads through a link and back by ".."
// would else be one directory for the names that are listed and synced, and another one for the files.
func newDirectory(fsys FS, path string) directory {
	if path != "" { // which is none, and not the current directory
		path = filepath.Clean(path)
	}
	return directory{fsys: fsys, path: path}
}

func (d directory) join(name string) string { return filepath.Join(d.path, name) }

func (d directory) sync() error { return d.fsys.SyncDir(d.path) }

func (d directory) rename(from, to string) error {
	return d.fsys.Rename(d.join(from), d.join(to))
}

// contents is what a directory holds, by kind.
type contents struct {
	identity bool
	founding bool
	leftover []string // of an interrupted Create, pin or rotation; founding.tmp is not among them
	segments []string
	freed    []string // segments that were freed before
	highest  uint64   // number in a name of either, of those up to maxNumber
}

// holdsState reports whether a node's life has begun here.
func (c contents) holdsState() bool { return c.identity || len(c.segments) > 0 }

func (d directory) contents() (contents, error) {
	names, err := d.fsys.List(d.path)
	if err != nil {
		return contents{}, d.failed(err)
	}
	var c contents
	for _, name := range names {
		switch name {
		case identityName:
			c.identity = true
		case foundingName:
			c.founding = true
		case identityTmpName, spareName:
			c.leftover = append(c.leftover, name)
		default:
			c.addNumbered(name)
		}
	}
	return c, nil
}

func (c *contents) addNumbered(name string) {
	number, isSegment := segmentNumber(name)
	if isSegment {
		c.segments = append(c.segments, name)
	}
	freed, isFreed := numberIn(name, freedPrefix, freedSuffix)
	if isFreed {
		c.freed, number = append(c.freed, name), freed
	}
	if number <= maxNumber { // a name beyond was not given by a log, and none will ever be as high
		c.highest = max(c.highest, number)
	}
}

// failed names the directory in an error.
func (d directory) failed(err error) error { return fmt.Errorf("persistence: %s: %w", d.path, err) }

// createAnew makes an empty file, in the place of one that an interrupted attempt may have left there.
func (d directory) createAnew(name string) (File, error) {
	file, err := d.fsys.Create(d.join(name))
	if !errors.Is(err, fs.ErrExist) {
		return file, err
	}
	if err := d.fsys.Remove(d.join(name)); err != nil {
		return nil, err
	}
	return d.fsys.Create(d.join(name))
}

// remove removes files and makes that durable.
func (d directory) remove(names []string) error {
	for _, name := range names {
		if err := d.fsys.Remove(d.join(name)); err != nil {
			return fmt.Errorf("persistence: %w", err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return d.sync()
}

// switchTo renames a file and makes that durable.
func (d directory) switchTo(from, to string) error {
	if err := d.rename(from, to); err != nil {
		return err
	}
	return d.sync()
}
