// Package floor is what no consensus can be faster than on this machine: the same clients, the same counter and the
// same loop, with nothing between them but what a replicated write needs at the least.
//
//	clients ── all that wait form a batch ──┬─► own file, write + fdatasync
//	                                        ├─► TCP ─► file of follower 1, write + fdatasync ─► TCP
//	                                        └─► TCP ─► file of follower 2, write + fdatasync ─► TCP
//	                 two of the three are done: apply, answer
//
// There are no terms, no elections, no log structure and no recovery. Files are zeroed beforehand and written over
// in a circle, in blocks of 4 KiB, so that fdatasync has no metadata to write. While a batch is on its way, another
// leaves only if many wait. At one client this is the price of a write; at many it is what batches reach when each is as
// large as it can be.
package floor
