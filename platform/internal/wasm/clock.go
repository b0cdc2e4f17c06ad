package wasm

import (
	"context"
	"time"
)

// clock is the time that a guest sees, in nanoseconds.
type clock interface {
	wall() int64      // since the Unix epoch
	monotonic() int64 // never goes back, never zero
	wait(ctx context.Context, d time.Duration)
}

// evaluationClock stands still at the time of the evaluation. Its monotonic
// hand moves a little whenever it is read, and by a wait's length at once, so
// that a guest that waits for time to pass does not wait for ever.
type evaluationClock struct{ now, steps int64 }

func (c *evaluationClock) wall() int64 { return c.now }

func (c *evaluationClock) monotonic() int64 {
	c.steps += int64(time.Microsecond)
	return int64(time.Second) + c.steps
}

func (c *evaluationClock) wait(_ context.Context, d time.Duration) { c.steps += int64(max(d, 0)) }

// realClock is the machine's, for actions: they act in the world's time.
type realClock struct{ start time.Time }

func (c realClock) wall() int64 { return time.Now().UnixNano() }

func (c realClock) monotonic() int64 { return int64(time.Second) + int64(time.Since(c.start)) }

func (c realClock) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
