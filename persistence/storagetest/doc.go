// Package storagetest is the conformance suite for implementations of [persistence.Opener] and
// [persistence.Storage]. An implementation that passes keeps what the rest of the library relies on as far as that
// can be seen without a power loss; what a crash leaves is for its own tests, for which [Model] says what must be there.
//
//	func TestMyStorage(t *testing.T) {
//		storagetest.Run(t, func(t testing.TB) persistence.Opener { return mine.Open(t.TempDir()) })
//	}
//
// A storage of your own reads a batch with [persistence.Batch.Replay], and has to refuse what contradicts the log: see
// [persistence.ErrInvalidBatch]. Run the suite with -race as well.
package storagetest
