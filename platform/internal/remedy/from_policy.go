package remedy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// tickEvery bounds how late a deadline is noticed.
const tickEvery = 100 * time.Millisecond

// Fired tells that an episode fires; it is told on every evaluation.
func (h *Healer) Fired(ctx context.Context, f flow.Firing) error {
	_, err := h.do(ctx, Fired{f})
	return err
}

// Cleared tells that an episode is over.
func (h *Healer) Cleared(ctx context.Context, policy string, t vigil.Target, at time.Time) error {
	_, err := h.do(ctx, Cleared{Policy: policy, Target: t, At: at})
	return err
}

// Judged tells what a policy says of a target, for verification.
func (h *Healer) Judged(ctx context.Context, j flow.Judged) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.foreign && len(h.state.queue) == 0 && !h.state.heeds(j, h.o.Now()) {
		return nil // a step for every sample of every policy would cost more than the policies
	}
	_, err := h.take(ctx, Judged{j})
	return err
}

// Strayed records that a policy left its scope.
func (h *Healer) Strayed(ctx context.Context, s flow.Stray) error {
	_, err := h.do(ctx, Strayed{s})
	return err
}

// Tick moves what time alone moves.
func (h *Healer) Tick(ctx context.Context) error {
	_, err := h.do(ctx, Ticked{})
	return err
}

// Observe shows the healer a durable batch. It never blocks: when the healer is
// behind, the batch is dropped, and the next one shows the services as well.
func (h *Healer) Observe(b *flow.Batch) {
	if !h.watching.Load() {
		return
	}
	select {
	case h.observed <- b:
	default:
	}
}

// Run ticks and weighs observed batches until ctx ends.
func (h *Healer) Run(ctx context.Context) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var clocks clocks
	var ahead time.Duration // how far the clock jumped, as long as that is not recorded
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case b := <-h.observed:
			err = h.weigh(ctx, b)
		case at := <-tick.C:
			ahead += clocks.jumped(at, h.o.Now())
			if ahead, err = h.settle(ctx, ahead); err == nil {
				err = h.Tick(ctx) // not before: a pause ends by the clock
			}
		}
		if err != nil && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "healer step failed", "err", err)
		}
	}
}

// settle tells that the clock jumped, and returns how much of that is still to be
// told.
func (h *Healer) settle(ctx context.Context, ahead time.Duration) (time.Duration, error) {
	if ahead == 0 {
		return 0, nil
	}
	h.log.WarnContext(ctx, "the clock jumped, warm-up begins anew", "ahead", ahead)
	if _, err := h.do(ctx, Jumped{Ahead: ahead}); err != nil {
		return ahead, err
	}
	return 0, nil
}

// maxStep is how far the wall clock may move against the ticker between two
// ticks. More is a clock that was set, or a process that was stopped.
const maxStep = 5 * time.Second

// clocks are the last tick by the ticker, whose time only passes, and by the
// wall clock, which people and protocols set.
type clocks struct{ tick, wall time.Time }

// jumped takes in one tick and says how far ahead the wall clock jumped before
// it; 0 if it did not.
func (c *clocks) jumped(tick, wall time.Time) time.Duration {
	was := *c
	c.tick, c.wall = tick, wall.Round(0) // without its monotonic reading
	ahead := c.wall.Sub(was.wall) - c.tick.Sub(was.tick)
	if was.tick.IsZero() || ahead.Abs() <= maxStep {
		return 0
	}
	return ahead
}

// weigh reads how services stand from a batch's service_up and service_pid
// series.
func (h *Healer) weigh(ctx context.Context, b *flow.Batch) error {
	facts := facts(b)
	if len(facts) == 0 {
		return nil
	}
	_, err := h.do(ctx, Observed{Facts: facts, ReceivedAt: b.Received})
	return err
}

// facts pairs each service's newest service_up with the service_pid beside it.
func facts(b *flow.Batch) []Fact {
	pids := map[string]int{}
	var out []Fact
	for _, run := range b.Runs {
		if run.Count == 0 || !strings.HasPrefix(run.Meta.Name, "service_") {
			continue
		}
		last := run.First + run.Count - 1
		service, host := run.Meta.Get("service"), run.Meta.Get("host")
		switch run.Meta.Name {
		case "service_pid":
			pids[service+"@"+host] = int(b.Values[last])
		case "service_up":
			out = append(out, Fact{Service: service, Host: host, At: time.Unix(0, b.Times[last]), Up: b.Values[last] == 1})
		}
	}
	for i, f := range out {
		out[i].PID = pids[f.Service+"@"+f.Host]
	}
	return slices.DeleteFunc(out, func(f Fact) bool { return f.Service == "" })
}
