package main

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync/atomic"
)

// shardCount is how many parts the keys are in. After a capture each part is copied at most once, when it is first written
// to, so what a command may have to copy is this part of all keys.
const shardCount = 1024

// shards is a map of which a view can be captured at once: the captured view and the map share each part until a write
// comes to it. One goroutine uses it; captured views may be read by others.
type shards struct {
	seed       maphash.Seed
	parts      [shardCount]shard
	size       int          // keys in all parts
	generation uint64       // of the newest capture
	held       atomic.Int64 // captured views that are not released
}

// shard is one part.
//
// Invariant: data is not written to while its generation is older than the map's and a captured view is held.
type shard struct {
	data       map[string]string // nil: empty
	generation uint64            // from when on it is this map's alone
}

func newShards() *shards { return &shards{seed: maphash.MakeSeed()} }

func (s *shards) of(key string) *shard { return &s.parts[maphash.String(s.seed, key)%shardCount] }

func (s *shards) get(key string) (string, bool) {
	text, present := s.of(key).data[key]
	return text, present
}

// own returns the key's part for writing: a copy of it if a captured view may still be read.
func (s *shards) own(key string) *shard {
	p := s.of(key)
	if p.generation != s.generation {
		if s.held.Load() > 0 {
			p.data = maps.Clone(p.data)
		}
		p.generation = s.generation
	}
	if p.data == nil {
		p.data = make(map[string]string)
	}
	return p
}

func (s *shards) set(key, value string) {
	p := s.own(key)
	before := len(p.data)
	p.data[key] = value
	s.size += len(p.data) - before
}

func (s *shards) remove(key string) {
	if _, present := s.get(key); present {
		delete(s.own(key).data, key)
		s.size--
	}
}

func (s *shards) len() int { return s.size }

// capture returns the keys and values as they are now. It takes the same small time however many there are.
func (s *shards) capture() *capturedShards {
	s.generation++
	s.held.Add(1)
	return &capturedShards{parts: slices.Clone(s.parts[:]), size: s.size, held: &s.held}
}

// capturedShards is what was captured, until it is released.
type capturedShards struct {
	parts []shard
	size  int
	held  *atomic.Int64
}

// all calls visit for every key, part by part, until it fails.
func (c *capturedShards) all(visit func(key, value string) error) error {
	for i := range c.parts {
		for key, value := range c.parts[i].data {
			if err := visit(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// release lets the map write to what they share.
func (c *capturedShards) release() { c.held.Add(-1) }
