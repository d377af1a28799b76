// Package persistence keeps the log and the hard state of a node on disk, and tells the truth about it after any
// crash. Nothing that was acknowledged is lost or silently changed; what cannot be told apart from a loss is refused.
//
// It is not a database: it holds what a restart needs, is written from front to back by one goroutine, and is read
// once, when it is opened. Snapshots live beside it, one file each: [Snapshots].
//
//	place := persistence.NewDir(persistence.OS(), "/var/lib/kv/n1", persistence.Options{})
//	storage, err := place.Open(want)            // or place.Create(identity, state, first)
//	state := storage.Recovered(0)
//
//	batch.SetHardState(0, hardState)            // everything that waits goes into one batch,
//	batch.Append(0, entries)                    // in the order in which the engine asked for it
//	err = storage.Write(&batch)                 // one write, one sync; durable when it returns nil
//
// [Opener] and [Storage] are the contract, [Dir] and [Disk] keep it on a file system, [Memory] keeps it without one.
// Bring your own: package storagetest has the conformance suite.
//
// # A directory
//
// A directory holds an identity, a lock and segments. The unit of writing is the batch. It starts on a block of
// 4 KiB, has a header within one sector, and is followed by zeros up to the next block:
//
//	segment-0000000000000001.log                              segment-0000000000000002.log
//	┌────────┬───────────┬─────┬──────┬───────────┬──────┐    ┌────────┬───────────────┬─────┬── ─ ─
//	│ header │ batch 1   │ 2   │ 3    │ 4         │ seal │    │ header │ batch 6       │ 7   │ zeros
//	│        │ c, records│     │empty │           │  5   │    │        │ c, records    │     │
//	└────────┴───────────┴─────┴──────┴───────────┴──────┘    └────────┴───────────────┴─────┴── ─ ─
//	0        4 KiB                                            0        4 KiB
//
//	c: checkpoint of every group, the first records of each segment
//
// Batches are numbered over all segments, and each carries the checksum of the one before. A segment's header has a
// random use-id, drawn anew for each use of a file, and every batch in it repeats that: what an earlier use left in
// the file does not match. Segments are filled with zeros before they are used, or have been segments before, for
// overwriting blocks that exist costs less to sync than allocating them. File names are listed in names.go.
//
// The next segment is zeroed while the current one fills up, byte for byte, in steps of 1 MiB. A write waits for at
// most one such step, and for one more with each whole MiB that it writes itself; a tick without batches takes a step
// that is due when nobody waits. Only where a segment is full before the next one is ready, after a restart or a failed
// attempt, does a write pay for the rest. A spare that could not be written or synced is thrown away and begun anew;
// that ends the log only when the log cannot go on without it.
//
// Entries at index i void all earlier records of that group at i and above, in the order of the records. Nothing is
// cut physically. A batch never spans segments; one that is larger than a segment gets a segment of its own size.
//
// A segment is freed when no group needs it: each entry in it has been replaced, or lies at or below its group's base.
// Four freed segments are kept as the next ones and need no zeroing; the others are removed. That takes one rename at a
// time, after a mebibyte of batches or at a tick without any, one removal at such a tick or after a rotation, and no
// sync of its own.
//
// A log that runs out of room says so while it still has some ([Storage.NearlyFull], [Options].ReserveBytes): room is
// what the file system has left and what segments and spares hold in advance. A batch that finds none ends the storage.
//
// # Snapshots
//
// A snapshot is a file with a label, a body in blocks that each have a checksum, and a digest of everything at its end
// (drawn in snapshot_format.go). It is written under another name, synced, renamed, and the directory synced, before
// anybody hears of it. So a file with the name of a snapshot is whole unless the disk damaged it, and damage is found
// before a byte of it is handed out. Which snapshot counts is said by a switch in the log and by nothing else; files that
// no switch names are swept. What fails while a snapshot is written ends that attempt and nothing more: it is no failure
// of the log, and what the log needs for its next segment is left free.
//
// What was received of a snapshot in part stays under a name of its own. An attempt to resume keeps of it what proves to
// be whole, block by block, and writes that again, since it may be in memory only.
//
// # What is assumed of disk and file system
//
//   - A sector of 512 bytes is written whole or not at all. Several sectors may reach the disk in any order, and any
//     subset of what was not synced may survive a power loss.
//   - When fdatasync returns nil, content and size are durable; when fsync of a directory does, so are its names.
//   - A rename is atomic: after a crash the file has one name or the other, and what stood under the new one before
//     is whole or gone.
//   - Writing a sector with what it holds already does no harm to it, nor to its neighbours beyond the block.
//   - After a failed write or sync nothing is known. The storage ends, and the place is not opened again in this
//     process: the page cache may show what the disk does not have. A spare, on which nothing rests yet, is thrown away.
//   - A disk may damage what it holds. That is found by checksums, and never mended by forgetting.
//
// # The one rule
//
// Batch n+1 is first written after the sync of batch n returned. Therefore an intact header with a higher number
// proves that batch n was durable. Recovery reads the batches in order, up to the first place without the next intact
// one. If a higher number stands anywhere behind it, in the same segment at any block or in a later one, a durable
// batch is damaged: [ErrCorrupt], with file and offset, and nothing is changed. If none does, that batch was never
// acknowledged, and the log goes on in its place. A segment's header is proof as well: it was written when
// every batch so far was durable, and it names the segment's first batch, with only the seal between. So is the very
// number that is looked for, if it stands further behind: the batch before it was longer, and is lost.
//
// So only damage to the very last batch of a crashed node can pass for a torn write. To keep even that rare, an empty
// batch is written behind the last one when the log has been idle for a tick, on Close, and after recovery.
//
// # Crash by crash
//
// Append. The batch has blocks of its own, so no sector of an earlier one is at risk. Cut short, it fails its
// checksum and nothing stands behind it: the log ends before it. Complete but unacknowledged, it counts: the caller
// had decided on it, and may find it done.
//
// Append over a torn batch. The next batch starts where the torn one did, with the same number. Were the header of the
// torn one still there, a next batch with the same content but for a few sectors, torn as well, could complete it: it
// would come to life after its loss was answered for. So where recovery finds such a header it writes an empty batch
// over it before it answers. Blocks of the torn one may remain behind, but none has a header: no false proof remains.
//
// Rotation. The next segment is zeroed, its header synced, then named, and the directory synced; then the seal, which
// names it by number and use-id, is written to the old segment and synced; then its first batch is written. Before the
// seal, a segment without batches is left over, and removed at the next opening. After it, the new segment must be
// there: a missing newest segment is corruption, not the end of the log.
//
// Spare. The next segment is zeroed under a temporary name on which nothing rests: a crash leaves a file that the next
// opening removes. It becomes a segment only after its last zero and its header were synced. One whose write or sync failed
// is thrown away, since what it holds is not known.
//
// Create. The first segment, first batch included, and the identity are durable under temporary names first. The
// rename of the identity is the moment the state comes into being; Open finishes the renaming of the segment, behind a sync
// that makes the identity's name durable, for that may be in memory only. Before that moment Exists reports false and Create
// starts over.
//
// Snapshot switch. It is a record like others, so it is there whole or not at all, together with its batch. The snapshot
// is durable before it, and what it replaces is removed after it: at every moment the last switch in the log names a
// snapshot that exists.
//
// PinCluster. The new identity is durable under a temporary name and then renamed: it is there whole, or the old one
// is. Segments written before repeat the cluster's name without the founders' hash, which is no contradiction.
//
// Close. The empty batch that it writes says nothing; cut short it is a torn batch like any other, and what stood before it
// is durable. It leaves the lock's file behind, which means nothing by itself.
//
// Recovery. What it reads may be in the page cache only, left by a killed process, perhaps after a sync that failed.
// All batches but the last were synced before a later one was written. So the last batch is written again in place,
// file and directory are synced, and only then is the state handed out. All of this can be cut short and done again.
//
// Freeing. The oldest segment S is given a spare's name, and may then be removed, once everything in it is replaced or
// covered by durable records, and a later segment X has a durable first batch. X opens with a checkpoint, so recovery
// from X on adds up to the same state but for entries, and those in S are needed no more. Therefore a crash may undo a
// rename or removal, or undo the one of S and not that of the segment behind it, in any combination: what comes back is a
// whole segment, since nothing is written to a spare before a sync of the directory made its new name durable. If it comes
// back right before the others, it is read once more, to the same result. If there is a gap behind it, recovery begins
// behind the gap and removes it. A failure of a rename or removal changes none of this, whether it was done or not; it is
// tried again. If recovery begins too late, because a segment that was needed is lost, entries above the final base are
// missing, and it says which. So a lost segment that is needed never passes for a freed one.
//
// Recycling. The next rotation needs the directory synced anyway, and only behind such a sync is a freed segment written
// to: first its new header, which is one sector and so there whole or not at all, then its name, then batches. What the
// file still holds of its earlier use has another use-id: it is neither the next batch nor proof of a later one. A
// directory that cannot be synced ends the storage, as any failed sync does, before the batch that needed the room.
//
// Oldest segments. The oldest batch of all is durable before its segment counts (Create) or can become the oldest
// (Freeing); if it is damaged the verdict is corruption whatever stands behind it.
//
// # Every byte
//
// Numbers are little-endian; a row has offset and size in bytes. Batches and their headers are drawn in format.go,
// records in record.go.
//
// Identity file: 512 bytes, one sector.
//
//	  0     8  magic, yggr-id and a line feed
//	  8     4  format version
//	 12     4  checksum: CRC32C of the 512 bytes with this field as zero
//	 16     8  node
//	 24     8  incarnation
//	 32    16  hash of the founders' entry, zeros until it is pinned
//	 48     4  length of the cluster's name
//	 52   128  the cluster's name, then zeros
//	180   332  zeros
//
// Segment header: 4,096 bytes, one block, of which the first sector says everything.
//
//	  0     8  magic, yggr-log
//	  8     4  format version
//	 12     4  checksum: CRC32C of the first 512 bytes with this field as zero
//	 16   164  identity, as in the identity file from 16 on
//	180    12  zeros
//	192     8  number of the segment, from 1 on
//	200     8  use-id, random, of this use of the file
//	208     8  number of the first batch
//	216     8  size of the file in bytes
//	224  3872  zeros, not covered by the checksum from 512 on
//
// Batch header: 64 bytes, at the beginning of a block.
//
//	 0     4  magic, yggb
//	 4     4  checksum: CRC32C of bytes 8 to 64
//	 8     8  use-id of the segment
//	16     8  number of the batch, from 1 on over all segments
//	24     4  length of the records in bytes
//	28     4  CRC32C of the records
//	32     4  checksum field of the batch before, zero in the first of all
//	36     4  how many records
//	40    24  zeros
//
// Record header: 16 bytes; records stand behind the batch header, one after the other, with zeros up to the next block.
//
//	0     1  kind
//	1     1  version of the kind, 1
//	2     2  zeros
//	4     4  length of the body in bytes
//	8     8  group
//
// Entries, kind 1: the body: 16 bytes, then the entries one after the other.
//
//	 0     8  index of the first entry
//	 8     4  how many entries
//	12     4  zeros
//
// Entry: 16 bytes, then its data.
//
//	 0     8  term
//	 8     4  length of the data in bytes
//	12     1  kind of the entry
//	13     3  zeros
//
// Hard state, kind 2: the body.
//
//	 0     8  term
//	 8     8  vote, zero for none
//	16     8  incarnation of the vote
//
// Commit, kind 3: the body.
//
//	0     8  commit index
//
// Checkpoint, kind 4: the body; the first records of every segment, one for each group.
//
//	 0     8  term
//	 8     8  vote
//	16     8  incarnation of the vote
//	24     8  term of the base
//	32     8  index of the base
//	40     8  term of the last entry
//	48     8  index of the last entry
//	56     8  commit index
//	64     8  id of the snapshot, zero for none
//	72     8  term of the snapshot's last entry
//	80     8  index of the snapshot's last entry
//
// Snapshot switch, kind 5: the body.
//
//	 0     8  id of the snapshot
//	 8     8  term of the snapshot's last entry
//	16     8  index of the snapshot's last entry
//	24     8  term of the base
//	32     8  index of the base
//	40     1  1 if the log above the base is kept, else 0
//	41     7  zeros
//
// Seal, kind 6: the body; the last record of a segment.
//
//	0     8  number of the next segment
//	8     8  use-id of the next segment
//
// # Versions
//
// Identity and segment headers begin with magic, version and checksum in every version. A version is believed only
// if the checksum holds, so that a newer format is refused as newer ([ErrNewerFormat]) and damage as damage. Later
// builds add record kinds; one that a build does not know makes the log newer for it, except for kinds from 0x80 on,
// which are hints.
package persistence
