package policy

import (
	"context"
	"sync"
	"time"
)

// maxWait bounds a shard's sleep, so that a lost wake costs seconds at most.
const maxWait = 5 * time.Second

// logEvery bounds how often a shard that keeps failing says so.
const logEvery = 10 * time.Second

// Run judges until ctx ends: one goroutine per shard and those that ask queries,
// all gone when it returns.
func (e *Engine) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for i := range e.shards {
		wg.Go(func() { e.serve(ctx, i) })
	}
	wg.Go(func() { e.asker.run(ctx) })
	wg.Wait()
	return nil
}

// serve steps one shard whenever it is woken or something is due.
func (e *Engine) serve(ctx context.Context, i int) {
	sh := e.shards[i]
	defer sh.closeGuests(context.WithoutCancel(ctx))
	timer := time.NewTimer(0)
	defer timer.Stop()
	var logged time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-sh.inbox.wake:
		case <-timer.C:
		}
		now := e.opts.Now()
		err := e.Step(ctx, i, now)
		if err != nil && ctx.Err() == nil && now.Sub(logged) >= logEvery {
			logged = now
			e.opts.Log.ErrorContext(ctx, "step of the policy engine failed", "err", err)
		}
		timer.Reset(sh.wait(e.opts.Now()))
	}
}

// wait is how long the shard may sleep.
func (sh *shard) wait(now time.Time) time.Duration {
	return sleep(sh.due(), now)
}

// sleep is how long to wait for a time, zero being never.
func sleep(until, now time.Time) time.Duration {
	if until.IsZero() {
		return maxWait
	}
	return min(max(until.Sub(now), 0), maxWait)
}
