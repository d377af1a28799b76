package actors

// Runtime supplies what actors take from the world.
type Runtime struct{}
