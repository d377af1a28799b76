// Package storagetest is the conformance suite for implementations of [persistence.Opener] and
// [persistence.Storage]. An implementation that passes keeps what the rest of the library relies on as far as that
// can be seen without a power loss; what a crash leaves is for its own tests.
package storagetest
