package metrics

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// trimEvery is how often retention is applied.
const trimEvery = time.Minute

// Run writes what is appended and applies retention, until ctx ends. What was
// appended by then is still written before Run returns.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.keepTrim(ctx) })
	s.keepCommitting(ctx)
	wg.Wait()
	return nil
}

// keepCommitting is the committer. A commit is never cancelled half way: its
// callers must learn the truth.
func (s *Store) keepCommitting(ctx context.Context) {
	for {
		select {
		case <-s.queue.wake:
		case <-ctx.Done():
			s.queue.close()
			s.drain(context.WithoutCancel(ctx))
			return
		}
		s.drain(context.WithoutCancel(ctx))
	}
}

func (s *Store) drain(ctx context.Context) {
	for group := s.queue.take(); len(group) > 0; group = s.queue.take() {
		s.commit(ctx, group)
	}
}

func (s *Store) keepTrim(ctx context.Context) {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		if err := s.Trim(ctx, s.opts.Now()); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "retention not applied", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Trim applies retention by age and by size once.
func (s *Store) Trim(ctx context.Context, now time.Time) error {
	if _, err := s.journal.TrimLog(ctx, now.Add(-s.opts.Retention).UnixNano(), s.opts.MaxLogBytes); err != nil {
		return fmt.Errorf("trim the metric log: %w", err)
	}
	return nil
}
