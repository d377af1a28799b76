package floor

import (
	"errors"
	"os"
)

const (
	blockSize = 4 << 10
	fileSize  = 64 << 20
)

// file is appended to in a circle. One goroutine uses it.
type file struct {
	f      *os.File
	offset int64
	buffer []byte
}

// create makes a file of zeros, all of it durable.
func create(path string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, 1<<20)
	for offset := int64(0); offset < fileSize && err == nil; offset += int64(len(zeros)) {
		_, err = f.WriteAt(zeros, offset)
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{f: f}, nil
}

// append makes data durable in whole blocks.
func (f *file) append(data []byte) error {
	size := (int64(len(data)) + blockSize - 1) / blockSize * blockSize
	if f.offset+size > fileSize {
		f.offset = 0
	}
	if int64(cap(f.buffer)) < size {
		f.buffer = make([]byte, size)
	}
	block := f.buffer[:size]
	clear(block[copy(block, data):])
	if _, err := f.f.WriteAt(block, f.offset); err != nil {
		return err
	}
	f.offset += size
	return datasync(f.f)
}
