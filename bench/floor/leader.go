package floor

import (
	"errors"
	"runtime"
	"time"

	"github.com/yggr-go/yggr/bench/workload"
)

// leader makes batches of those who wait and sends each everywhere at once.
type leader struct {
	cluster *cluster
	links   []*link
	write   chan []byte // to the own file
	free    chan []byte // and back
	acks    chan ack

	held      [workload.Replicas]uint64 // the newest batch that each replica holds
	waiting   []*request                // not yet in a batch
	inFlight  []batch                   // without a majority, oldest first
	number    uint64                    // of the newest batch
	returning int                       // clients answered since then: they are expected back
	frame     frame
}

// batch is on its way.
type batch struct {
	number  uint64
	waiting []*request
}

// writeOwn owns the leader's file.
func (l *leader) writeOwn() error {
	for number := uint64(1); ; number++ {
		select {
		case data := <-l.write:
			if err := l.cluster.files[0].append(data); err != nil {
				return err
			}
			l.free <- data
		case <-l.cluster.stopping:
			return errStopped
		}
		l.cluster.syncs.Add(1)
		l.acks <- ack{replica: 0, number: number}
	}
}

// run sends batches and answers those who wait for them.
func (l *leader) run() (err error) {
	defer func() { l.dismiss(err) }()
	for {
		select {
		case <-l.cluster.queue.wake:
		case a := <-l.acks:
			l.held[a.replica] = a.number
			l.answer()
		case <-l.cluster.stopping:
			return errStopped
		}
		if err := l.send(); err != nil {
			return err
		}
	}
}

// send makes a batch of those who wait. While another is on its way, few are better off in the next one.
func (l *leader) send() error {
	l.gather()
	if len(l.waiting) == 0 || len(l.inFlight) > 0 && len(l.waiting) < worthwhile {
		return nil
	}
	select {
	case l.frame.bytes = <-l.free:
	case <-l.cluster.stopping:
		return errStopped
	}
	l.number++
	l.frame.begin(l.number, l.waiting[0].command.Size)
	for _, r := range l.waiting {
		l.frame.add(r.command)
	}
	l.frame.finish()
	l.inFlight = append(l.inFlight, batch{number: l.number, waiting: l.waiting})
	l.waiting, l.returning = nil, 0
	return l.replicate()
}

// gather takes all who wait, and waits a moment for those who were just answered: a batch that leaves without them makes
// them wait for two.
func (l *leader) gather() {
	begin := time.Now()
	for {
		l.waiting = l.cluster.queue.take(l.waiting, maxBatchEntries-len(l.waiting))
		if len(l.waiting) >= l.returning || len(l.inFlight) > 0 || time.Since(begin) > returnTime {
			return
		}
		runtime.Gosched()
	}
}

// replicate sends the batch to the followers and to the own file.
func (l *leader) replicate() error {
	for _, link := range l.links {
		select {
		case link.slots <- struct{}{}:
		case <-l.cluster.stopping:
			return errStopped
		}
		if _, err := link.conn.Write(l.frame.bytes); err != nil {
			return err
		}
	}
	l.write <- l.frame.bytes // there is room: at most maxAhead frames exist
	return nil
}

// answer applies every batch that a majority holds, in order.
func (l *leader) answer() {
	for len(l.inFlight) > 0 && l.majority(l.inFlight[0].number) {
		for _, r := range l.inFlight[0].waiting {
			r.done <- outcome{value: l.cluster.counters[0].Apply(r.command)}
		}
		l.returning += len(l.inFlight[0].waiting)
		l.inFlight = l.inFlight[1:]
	}
}

func (l *leader) majority(number uint64) bool {
	holders := 0
	for _, held := range l.held {
		if held >= number {
			holders++
		}
	}
	return holders > workload.Replicas/2
}

// dismiss answers whoever is left at the end.
func (l *leader) dismiss(reason error) {
	if errors.Is(reason, errStopped) {
		reason = l.cluster.failure // what another part ended with
	}
	refuse(l.waiting, reason)
	for _, b := range l.inFlight {
		refuse(b.waiting, reason)
	}
}
