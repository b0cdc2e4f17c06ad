package remedy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// maxPolls bounds the long polls of one remediator.
const maxPolls = 16

// Register makes a remediator and what it can reach known.
func (h *Healer) Register(ctx context.Context, r vigil.Remediator) error {
	_, err := h.do(ctx, Registered{r})
	return err
}

// Lease waits for work for a remediator; nil without an error when none came.
func (h *Healer) Lease(ctx context.Context, remediator string, wait time.Duration) (*flow.Lease, error) {
	poll := make(chan flow.Lease, 1)
	if err := h.enter(ctx, remediator, poll); err != nil {
		return nil, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case l := <-poll:
		return &l, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return h.leave(remediator, poll), nil
}

// enter makes the poll one of those that wait, and asks for work.
func (h *Healer) enter(ctx context.Context, remediator string, poll chan flow.Lease) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	waiting := h.polls[remediator]
	if len(waiting) >= maxPolls {
		return vigil.Errorf(vigil.Busy, "polls_full", "remediator %s waits %d times already", remediator, maxPolls)
	}
	h.setPolls(remediator, append(slices.Clip(waiting), poll))
	if _, err := h.take(ctx, Polled{remediator}); err != nil {
		h.remove(remediator, poll)
		return fmt.Errorf("lease for %s: %w", remediator, err)
	}
	return nil
}

// leave ends a poll. A lease that came at the last moment is returned all the
// same: it would be lost otherwise.
func (h *Healer) leave(remediator string, poll chan flow.Lease) *flow.Lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(remediator, poll)
	select {
	case l := <-poll:
		return &l
	default:
		return nil
	}
}

func (h *Healer) remove(remediator string, poll chan flow.Lease) {
	same := func(p chan flow.Lease) bool { return p == poll }
	h.setPolls(remediator, slices.DeleteFunc(slices.Clone(h.polls[remediator]), same))
}

func (h *Healer) setPolls(remediator string, polls []chan flow.Lease) {
	if len(polls) == 0 {
		delete(h.polls, remediator)
		return
	}
	h.polls[remediator] = polls
}

// Start makes the intent durable; when it returns nil the action may be entered.
func (h *Healer) Start(ctx context.Context, l flow.Lease) error {
	_, err := h.do(ctx, Started{l})
	return err
}

// Heartbeat tells that the executor is alive, and answers whether it should
// stop and what its module is granted now. An error of kind Conflict means that
// the lease is lost.
func (h *Healer) Heartbeat(ctx context.Context, l flow.Lease) (flow.Renewal, error) {
	out, err := h.do(ctx, Beat{l})
	return out.Renewal, err
}

// Finish tells how an attempt ended. Telling it twice is no error.
func (h *Healer) Finish(ctx context.Context, rep flow.Report) error {
	_, err := h.do(ctx, Finished{rep})
	if vigil.CodeOf(err) != "lease_lost" {
		return err
	}
	r, lookErr := h.Remediation(ctx, rep.Remediation)
	if lookErr != nil {
		return err
	}
	for _, a := range r.Attempts {
		if a.N == rep.Attempt && a.Fence == rep.Fence && !a.EndedAt.IsZero() && a.Code != codeLost {
			return nil
		}
	}
	return err
}

// Remediators lists the registered remediators and what they can reach.
func (h *Healer) Remediators(context.Context) ([]vigil.Remediator, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []vigil.Remediator
	for _, id := range h.state.hands.keys(func(vigil.Remediator) bool { return true }) {
		r, _ := h.state.hands.get(id)
		all = append(all, r)
	}
	return all, nil
}
