package persistence

// look finds out how much room there is for the log: what the file system has left, and what was allocated ahead of need
// in the current segment, the next one, and those that were freed.
//
// Nearly full is said below the reserve, and taken back an eighth above it, so that what uses up the room that has just
// been found does not change the answer at once. Where the file system does not tell, nothing is said.
func (l *log) look() {
	free, err := l.dir.fsys.FreeBytes(l.dir.path)
	if err != nil {
		return
	}
	room, reserve := free+l.allocated(), l.options.reserve()
	l.count.room.Store(room)
	switch {
	case room < reserve:
		l.count.nearlyFull.Store(true)
	case room >= reserve+reserve/8:
		l.count.nearlyFull.Store(false)
	}
}

// allocated returns how many bytes of batches have a place on the disk already.
func (l *log) allocated() int64 {
	room := l.current.header.size - reservedTail - l.current.offset
	if l.spare != nil {
		room += l.spare.zeroed
	}
	return max(0, room) + int64(len(l.freed)+len(l.spares))*l.options.segmentSize()
}
