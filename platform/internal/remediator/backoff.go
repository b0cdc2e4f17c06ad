package remediator

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff doubles from a tenth of a second to five, with full jitter, so that
// many remediators do not come back in step.
type backoff struct{ ceiling time.Duration }

// wait sleeps for the next delay and reports whether ctx still lives.
func (b *backoff) wait(ctx context.Context) bool {
	b.ceiling = min(max(2*b.ceiling, 100*time.Millisecond), 5*time.Second)
	return sleep(ctx, time.Duration(1+rand.Int64N(int64(b.ceiling)))) // jitter is no secret
}

func (b *backoff) reset() { b.ceiling = 0 }

// sleep waits for d and reports whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
