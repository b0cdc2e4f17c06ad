package metrics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// groupBytes bounds the frames of one group; a larger batch is a group of its
// own.
const groupBytes = 1 << 20

// logOverflow is the size of the log at which nothing more is taken.
const logOverflow = 256 << 20

// waiting is a batch in the queue: encoded by its caller, written by the
// committer, who says once on done how it went.
type waiting struct {
	batch   *flow.Batch
	frame   []byte
	scratch columns
	done    chan error
}

// group is what the committer builds one group commit in, again and again.
type group struct {
	blob   []byte
	series []*series // of all runs of all batches, in order
}

// queue is what waits for the committer.
type queue struct {
	wake  chan struct{} // a hint that the queue is not empty
	limit int           // of bytes

	mu     sync.Mutex // guards all below
	list   []*waiting
	bytes  int
	closed bool
}

func newQueue(limit int) queue { return queue{wake: make(chan struct{}, 1), limit: limit} }

func (q *queue) push(w *waiting) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return vigil.Errorf(vigil.Busy, "shutting_down", "the metric store is stopping")
	case len(q.list) > 0 && q.bytes+len(w.frame) > q.limit:
		return vigil.Errorf(vigil.Busy, "ingest_overload", "%d batches wait for the disk already", len(q.list)).
			Hinted("Send again after a pause; send larger batches less often.")
	}
	q.list = append(q.list, w)
	q.bytes += len(w.frame)
	signal(q.wake)
	return nil
}

// signal leaves a hint, if none is there already.
func signal(hint chan<- struct{}) {
	select {
	case hint <- struct{}{}:
	default:
	}
}

// take removes the next group: the oldest batch and all that fit beside it.
func (q *queue) take() []*waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.list) && (n == 0 || size+len(q.list[n].frame) <= groupBytes) {
		size += len(q.list[n].frame)
		n++
	}
	group := q.list[:n:n]
	if q.list = q.list[n:]; len(q.list) == 0 {
		q.list = nil
	}
	q.bytes -= size
	return group
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list)
}

// close refuses what comes; what waits is still taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// Append makes the batch durable and returns after the fsync. When ctx ends
// first the batch may or may not be stored; sending it again does no harm.
func (s *Store) Append(ctx context.Context, b *flow.Batch) error {
	if len(b.Times) == 0 {
		return nil
	}
	if s.logBytes.Load() > logOverflow {
		return vigil.Errorf(vigil.Busy, "ingest_overload", "the metric log is not sealed as fast as it grows").
			Hinted("Send again after a pause; vigil doctor shows what ails the disk.")
	}
	w, ok := s.idle.Get().(*waiting)
	if !ok {
		w = &waiting{done: make(chan error, 1)}
	}
	w.batch, w.frame = b, appendFrame(w.frame[:0], b, &w.scratch)
	if err := s.queue.push(w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		if w.batch = nil; cap(w.frame) <= groupBytes {
			s.idle.Put(w)
		}
		return err
	case <-ctx.Done(): // the committer may still have w
		return &vigil.Error{
			Kind: vigil.Timeout, Code: "ingest_timeout", Err: context.Cause(ctx),
			Msg: fmt.Sprintf("append %d samples: the disk did not answer in time", len(b.Times)),
		}
	}
}

// commit writes one group and answers all who wait for it.
func (s *Store) commit(ctx context.Context, ready []*waiting) {
	s.committing.Lock()
	defer s.committing.Unlock()
	defer s.wipe()
	ready = slices.DeleteFunc(ready, func(w *waiting) bool {
		err := s.known(w.batch)
		if err != nil {
			w.done <- err
		}
		return err != nil
	})
	if len(ready) == 0 {
		return
	}
	g, fresh := s.gather(ready)
	err := s.journal.AppendLog(ctx, g)
	if err != nil {
		err = fmt.Errorf("append %d samples: %w", g.Samples, err)
	} else {
		for _, one := range fresh {
			one.durable, one.seen = true, g.MaxTime
		}
		s.publish(ready)
		if s.logBytes.Add(int64(len(g.Blob))) > s.opts.MaxLogBytes {
			signal(s.untidy)
		}
	}
	for _, w := range ready {
		w.done <- err
	}
}

// gather builds the log group of batches whose series are in s.group, and
// returns the series of which the disk learns something.
func (s *Store) gather(ready []*waiting) (g flow.LogGroup, fresh []*series) {
	g.Blob, g.MinTime, g.MaxTime = append(s.group.blob[:0], blobVersion), math.MaxInt64, math.MinInt64
	for _, w := range ready {
		g.Blob = append(g.Blob, w.frame...)
		g.Samples += len(w.batch.Times)
		for _, t := range w.batch.Times {
			g.MinTime, g.MaxTime = min(g.MinTime, t), max(g.MaxTime, t)
		}
	}
	every, seen := s.sightEvery(), map[uint64]bool{}
	for _, one := range s.group.series {
		if stale := !one.durable || one.seen < g.MaxTime-every; stale && !seen[one.id] {
			seen[one.id] = true
			fresh = append(fresh, one)
			sighted(one, &g)
		}
	}
	g.Checksum = checksum(g.Blob)
	s.group.blob = g.Blob
	return g, fresh
}

// wipe keeps what the next group can be built in.
func (s *Store) wipe() {
	clear(s.group.series)
	s.group.series = s.group.series[:0]
	if cap(s.group.blob) > 2*groupBytes {
		s.group = group{}
	}
}

// publish shows durable batches to readers.
func (s *Store) publish(ready []*waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.group.series
	for _, w := range ready {
		received := w.batch.Received.UnixNano()
		for n := range w.batch.Runs {
			r, one := &w.batch.Runs[n], all[n]
			for i := r.First; i < r.First+r.Count; i++ {
				t, v := w.batch.Times[i], w.batch.Values[i]
				one.head.put(t, v)
				s.recent.put(point{received, r.ID, t, v})
			}
		}
		all = all[len(w.batch.Runs):]
	}
}
