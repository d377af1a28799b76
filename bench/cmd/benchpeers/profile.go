package main

import (
	"errors"
	"os"
	"runtime/pprof"
	"runtime/trace"
)

// watch profiles and traces what is measured, where the task asks for it.
func (t task) watch() (finish func() error, err error) {
	var endings []func() error
	finish = func() (err error) {
		for _, end := range endings {
			err = errors.Join(err, end())
		}
		return err
	}
	if t.Profile != "" {
		f, err := os.Create(t.Profile)
		if err != nil {
			return nil, err
		}
		endings = append(endings, func() error {
			pprof.StopCPUProfile()
			return f.Close()
		})
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, errors.Join(err, finish())
		}
	}
	if t.Trace != "" {
		f, err := os.Create(t.Trace)
		if err != nil {
			return nil, errors.Join(err, finish())
		}
		endings = append(endings, func() error {
			trace.Stop()
			return f.Close()
		})
		if err := trace.Start(f); err != nil {
			return nil, errors.Join(err, finish())
		}
	}
	return finish, nil
}
