package sim

import "github.com/yggr-go/yggr/engine"

// chance is a stream of random numbers. Each purpose has a stream of its own, made from the seed and a key, so that what
// is drawn for one does not depend on how much was drawn for another.
type chance struct{ state uint64 }

// The purposes of streams.
const (
	ofWeather uint64 = iota + 1
	ofInjection
	ofLink
	ofDisk
	ofMachine
	ofTicks
	ofEngine
	ofSegments
	ofChunks
	ofClock
	ofRecovery
	ofIncarnation
	ofTrouble
	ofConfiguration
	ofHeld
)

// stream returns the stream of a purpose.
func stream(seed uint64, key ...uint64) chance {
	state := scrambled(seed)
	for _, k := range key {
		state = scrambled(state ^ scrambled(k+0x51ed2701))
	}
	return chance{state}
}

// scrambled is the finaliser of SplitMix64: each bit of the input changes half of the output's.
func scrambled(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Uint64 makes a stream a source for math/rand and for engines.
func (c *chance) Uint64() uint64 {
	c.state += 0x9e3779b97f4a7c15
	return scrambled(c.state)
}

func (c *chance) intN(n int) int { return int(c.Uint64() % uint64(n)) }

func (c *chance) float() float64 { return float64(c.Uint64()>>11) / (1 << 53) }

// happens is true with the given probability. It draws in any case, so that the stream goes on as it would otherwise.
func (c *chance) happens(probability float64) bool { return c.float() < probability }

func (c *chance) between(low, high engine.Duration) engine.Duration {
	return low + engine.Duration(c.Uint64()%uint64(high-low+1))
}

// pick returns one of the choices.
func pick[T any](c *chance, choices []T) T { return choices[c.intN(len(choices))] }
