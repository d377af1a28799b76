package floor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

// Parts is what the pieces of a write cost by themselves.
type Parts struct {
	OneFile    Quantiles // 4 KiB written over zeros, and fdatasync
	ThreeFiles Quantiles // the same on three files at once, each
	RoundTrip  Quantiles // 64 bytes there and back by TCP
}

// Quantiles of many tries.
type Quantiles struct{ P50, P99 time.Duration }

const (
	partTries     = 500
	roundTripSize = 64
)

// QuantilesOf returns the quantiles of sorted figures, of which there is at least one.
func QuantilesOf(sorted []time.Duration) Quantiles {
	return Quantiles{P50: sorted[len(sorted)/2], P99: sorted[len(sorted)*99/100]}
}

// MeasureParts measures with files in dir, which it leaves there.
func MeasureParts(dir string) (p Parts, err error) {
	var files [workload.Replicas]*file
	defer func() {
		for _, f := range files {
			if f != nil {
				err = errors.Join(err, f.f.Close())
			}
		}
	}()
	for i := range files {
		if files[i], err = create(filepath.Join(dir, fmt.Sprintf("part%d", i))); err != nil {
			return p, err
		}
	}
	if p.OneFile, err = measureAppends(files[:1]); err != nil {
		return p, err
	}
	if p.ThreeFiles, err = measureAppends(files[:]); err != nil {
		return p, err
	}
	p.RoundTrip, err = measureRoundTrips()
	return p, err
}

// measureAppends appends to all files at once.
func measureAppends(files []*file) (Quantiles, error) {
	var running sync.WaitGroup
	all := make([][]time.Duration, len(files))
	problems := make([]error, len(files))
	data := make([]byte, blockSize)
	for i, f := range files {
		running.Go(func() {
			all[i], problems[i] = repeat(func() error { return f.append(data) })
		})
	}
	running.Wait()
	if err := errors.Join(problems...); err != nil {
		return Quantiles{}, err
	}
	figures := slices.Concat(all...)
	slices.Sort(figures)
	return QuantilesOf(figures), nil
}

// repeat does something again and again and returns how long each took.
func repeat(do func() error) ([]time.Duration, error) {
	figures := make([]time.Duration, partTries)
	for i := range figures {
		begin := time.Now()
		if err := do(); err != nil {
			return nil, err
		}
		figures[i] = time.Since(begin)
	}
	return figures, nil
}

func measureRoundTrips() (Quantiles, error) {
	near, far, err := connect()
	if err != nil {
		return Quantiles{}, err
	}
	echoed := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{far}, struct{ io.Reader }{far}, make([]byte, roundTripSize))
		echoed <- err
	}()
	figures, err := repeat(func() error { return roundTrip(near) })
	err = errors.Join(err, near.Close(), <-echoed, far.Close())
	if err != nil {
		return Quantiles{}, err
	}
	slices.Sort(figures)
	return QuantilesOf(figures), nil
}

func roundTrip(conn net.Conn) error {
	var message [roundTripSize]byte
	if _, err := conn.Write(message[:]); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, message[:])
	return err
}
