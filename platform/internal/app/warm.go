package app

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	warmed  = 16          // actions that are prepared before anybody asked
	bound   = 64          // modules of policies that are
	opening = time.Minute // within which policies meet their first samples
)

// warm prepares the actions that policies may ask for, so that the first
// remediation need not wait for a compiler. What fails here is told again, and
// to somebody who can help, when it is needed.
func (t *tenant) warm(ctx context.Context, to *actions) {
	rows, err := t.policies.List(ctx)
	if err != nil {
		return
	}
	done := map[string]bool{}
	for _, p := range rows {
		for _, step := range p.Runbook {
			if len(done) >= warmed || done[step.Action] || ctx.Err() != nil {
				continue
			}
			done[step.Action] = true
			if m, _, err := t.modules.Action(ctx, step.Action); err == nil {
				_ = to.Prepare(ctx, m.Digest)
			}
		}
	}
}

// bind compiles the modules of all policies, as many at once as there are
// processors: a shard that meets its first sample opens one after the other. It
// holds them until the shards have opened what they need. As with actions, a
// failure is told when it matters.
func (t *tenant) bind(ctx context.Context) error {
	rows, err := t.policies.List(ctx)
	if err != nil {
		return nil //nolint:nilerr // whoever needs the list says so
	}
	digests := make(chan string, bound)
	known := map[string]bool{}
	for _, p := range rows {
		if len(known) < bound && p.Mode != vigil.Disabled && !known[p.Digest] {
			known[p.Digest] = true
			digests <- p.Digest
		}
	}
	close(digests)
	var wg sync.WaitGroup
	held := make(chan func(), bound)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for digest := range digests {
				release, err := t.engine.Hold(ctx, digest, func() ([]byte, error) { return t.modules.Bytes(ctx, digest) })
				if err == nil {
					held <- release
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-ctx.Done():
	case <-time.After(opening):
	}
	close(held)
	for release := range held {
		release()
	}
	return nil
}
