package wasm

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/wasm/binary"
)

// seats bounds how many guests run at once. Compiled code keeps its processor
// until it calls the host, so that a collection waits for every guest that
// runs: with fewer seats than processors there is always one for the
// collector. No guest keeps its seat for long: at each yield point it gives
// way to one that waits.
type seats struct {
	free    chan struct{} // one token for each free seat
	waiting atomic.Int64
}

func newSeats(n int) *seats {
	s := &seats{free: make(chan struct{}, n)}
	for range n {
		s.free <- struct{}{}
	}
	return s
}

// turn is one call of an instance: it sits while the guest runs and stands
// while the guest waits for the world.
type turn struct {
	seats   *seats
	sitting bool
	until   time.Time // when the call must have ended
}

// sit waits for a seat.
func (t *turn) sit(ctx context.Context) error {
	select {
	case <-t.seats.free:
		t.sitting = true
		return nil
	default:
	}
	t.seats.waiting.Add(1)
	defer t.seats.waiting.Add(-1)
	select {
	case <-t.seats.free:
		t.sitting = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for other guests: %w", ctx.Err())
	}
}

// rise gives the seat to the next guest.
func (t *turn) rise() {
	if t.sitting {
		t.sitting = false
		t.seats.free <- struct{}{}
	}
}

// away runs f, which waits for the world, without a seat.
func (t *turn) away(ctx context.Context, f func()) {
	if !t.sitting {
		f()
		return
	}
	t.rise()
	f()
	if err := t.sit(ctx); err != nil {
		panic(err) // ends the call
	}
}

// yield is where a running guest comes by every few microseconds: it ends the
// call if its time is over or nobody wants its answer any more, and gives way
// to others. So no goroutine and no timer has to watch a call.
func (t *turn) yield(ctx context.Context) {
	if err := ctx.Err(); err != nil {
		panic(err)
	}
	if !t.until.IsZero() && !time.Now().Before(t.until) {
		panic(context.DeadlineExceeded)
	}
	if t.sitting && t.seats.waiting.Load() > 0 {
		t.away(ctx, func() {})
	}
}

// yield is the function that metered code calls at its yield points. It is not
// among those that a module may import.
func yield() hostFunc {
	return hostFunc{binary.YieldModule, binary.YieldName, sig("", ""), func(ctx context.Context, w *world, _ memory, _ []uint64) uint64 {
		w.turn.yield(ctx)
		return 0
	}}
}
