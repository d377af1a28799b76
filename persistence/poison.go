package persistence

import (
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
)

// A failed write or sync may have lost data that the kernel will not speak of again, and what a later read shows
// may be memory only. So a place where one failed is not opened again in this process.

// poisoned remembers such places.
type poisoned struct {
	mu     sync.Mutex
	places map[place]error
}

type place struct {
	fsys any // nil where all places are in one file system
	path string
}

// poisonKeeper is a file system that remembers its own poisoned places, so that they are forgotten with it. The
// others are kept alive by the process-wide memory, which the operating system's would be anyway.
type poisonKeeper interface {
	poisonedPlaces() *poisoned
	// realPath gives every directory one name, as far as that can be done.
	realPath(path string) string
}

var processWide poisoned

// place returns where the directory's poison is kept, and under which key. File systems that cannot be compared
// share one space of paths.
func (d directory) place() (*poisoned, place) {
	if keeper, ok := d.fsys.(poisonKeeper); ok {
		return keeper.poisonedPlaces(), place{path: keeper.realPath(d.path)}
	}
	at := place{path: realPath(d.path)}
	if reflect.ValueOf(d.fsys).Comparable() {
		at.fsys = d.fsys
	}
	return &processWide, at
}

// realPath follows symbolic links, so that a directory does not pass for another one. That is a best effort: links
// may change, hard ways to the same place such as bind mounts are not seen, and a path that leads nowhere stays as it
// is.
func realPath(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		path = followed
	}
	return filepath.Clean(path)
}

// poison records the failure and returns the error that everything answers from now on.
func (d directory) poison(cause error) error {
	err := fmt.Errorf("%w: %s: %w", ErrPoisoned, d.path, cause)
	kept, at := d.place()
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if kept.places == nil {
		kept.places = map[place]error{}
	}
	kept.places[at] = err
	return err
}

// checkPoison returns the error of an earlier failure in this place.
func (d directory) checkPoison() error {
	kept, at := d.place()
	kept.mu.Lock()
	defer kept.mu.Unlock()
	return kept.places[at]
}
