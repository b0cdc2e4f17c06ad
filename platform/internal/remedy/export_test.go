package remedy

import (
	"context"
	"reflect"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// Weigh weighs a batch at once, as Run does later.
func (h *Healer) Weigh(ctx context.Context, b *flow.Batch) error { return h.weigh(ctx, b) }

// Homes counts what the healer believes some remediator to have.
func (h *Healer) Homes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.homes.len()
}

// Jump tells that the clock was set ahead, as Run does when it notices.
func (h *Healer) Jump(ctx context.Context, ahead time.Duration) error {
	_, err := h.do(ctx, Jumped{Ahead: ahead})
	return err
}

// Overlooks reports whether a verdict would move something that nobody heeds.
func (h *Healer) Overlooks(j flow.Judged) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.o.Now()
	next, out := Step(h.state, Event{Body: Judged{j}}, now)
	moved := !reflect.DeepEqual(next, h.state) || !reflect.DeepEqual(out, Effects{})
	return moved && !h.state.heeds(j, now)
}

// Heeds reports whether a verdict is worth a step.
func (h *Healer) Heeds(j flow.Judged) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.heeds(j, h.o.Now())
}
