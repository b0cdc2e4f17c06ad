package metrics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// houseEvery is how often history is put in order.
const houseEvery = 30 * time.Second

// Run writes what is appended and keeps history in order, until ctx ends. What was
// appended by then is still written before Run returns.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.keepHouse(ctx) })
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

// keepHouse seals, merges and deletes, one after the other, now and then and
// when the log has grown over its limit.
func (s *Store) keepHouse(ctx context.Context) {
	tick := time.NewTicker(houseEvery)
	defer tick.Stop()
	for {
		if err := s.Tidy(ctx, s.opts.Now()); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "history not tidied", "err", err)
		}
		select {
		case <-tick.C:
		case <-s.untidy:
		case <-ctx.Done():
			return
		}
	}
}

// Tidy seals the part of the log that is due, merges blocks, applies retention,
// forgets series and deletes what nobody reads any more.
// On a full disk nothing is sealed or merged; to delete is what helps then.
func (s *Store) Tidy(ctx context.Context, now time.Time) error {
	s.house.Lock()
	defer s.house.Unlock()
	grown := s.condense(ctx, now)
	if grown != nil && vigil.CodeOf(grown) != "storage_full" {
		return grown
	}
	if err := s.trim(ctx, now); err != nil {
		return err
	}
	if err := s.forget(ctx, now); err != nil {
		return err
	}
	return errors.Join(grown, s.sweep(ctx))
}

// condense makes blocks of the log and of other blocks, while there is something
// to do.
func (s *Store) condense(ctx context.Context, now time.Time) error {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = s.seal(ctx, now); err != nil {
			return err
		}
		if err = s.sweep(ctx); err != nil {
			return err
		}
	}
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = s.compact(ctx); err != nil {
			return err
		}
	}
	return nil
}

// trim applies retention once: what is older than it goes, and the oldest
// blocks while there are more bytes than allowed.
func (s *Store) trim(ctx context.Context, now time.Time) error {
	before := now.Add(-s.opts.Retention).UnixNano()
	rows, err := s.journal.TrimLog(ctx, before)
	s.did.trimmed.Add(int64(rows))
	if err != nil {
		return fmt.Errorf("trim the metric log: %w", err)
	}
	blocks := s.views.peek().blocks
	bytes := int64(0)
	for _, b := range blocks {
		bytes += b.Bytes
	}
	change := flow.Settlement{}
	for _, b := range blocks {
		if b.MaxTime < before || bytes > s.opts.MaxBytes {
			change.Dead = append(change.Dead, b.ID)
			bytes -= b.Bytes
		}
	}
	if change.Dead == nil {
		return nil
	}
	if err := s.settle(ctx, change); err != nil {
		return fmt.Errorf("trim blocks: %w", err)
	}
	s.did.trimmed.Add(int64(len(change.Dead)))
	return nil
}
