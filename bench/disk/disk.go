// Package disk looks after the directories that are measured in.
package disk

import (
	"errors"
	"os"
	"path/filepath"
)

// Remove removes a directory durably: the file system must not be busy with it when the next point is measured.
func Remove(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
