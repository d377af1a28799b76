package persistence

import (
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
)

// A failed write or sync may have lost data that the kernel will not speak of again, and what a later read shows
// may be memory only. So a place where one failed is not opened again in this process.
var poisoned = struct {
	sync.Mutex
	places map[place]error
}{places: map[place]error{}}

type place struct {
	fsys any
	path string
}

// place names the directory for the registry. File systems that cannot be compared share one space of paths.
func (d directory) place() place {
	path, err := filepath.Abs(d.path)
	if err != nil {
		path = filepath.Clean(d.path)
	}
	if !reflect.TypeOf(d.fsys).Comparable() {
		return place{path: path}
	}
	return place{fsys: d.fsys, path: path}
}

// poison records the failure and returns the error that everything answers from now on.
func (d directory) poison(cause error) error {
	err := fmt.Errorf("%w: %s: %w", ErrPoisoned, d.path, cause)
	poisoned.Lock()
	defer poisoned.Unlock()
	poisoned.places[d.place()] = err
	return err
}

// checkPoison returns the error of an earlier failure in this place.
func (d directory) checkPoison() error {
	poisoned.Lock()
	defer poisoned.Unlock()
	return poisoned.places[d.place()]
}
