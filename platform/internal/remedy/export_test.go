package remedy

import (
	"context"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// Weigh weighs a batch at once, as Run does later.
func (h *Healer) Weigh(ctx context.Context, b *flow.Batch) error { return h.weigh(ctx, b) }
