package remedy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// patience is how long a wish waits for a verification to end.
const patience = 30 * time.Second

// Request makes a remediation of a person's wish, or says which guard holds it.
// It waits a while when nothing but a verification stands in the way. The same
// wish with the same key is the same remediation.
func (h *Healer) Request(ctx context.Context, w flow.Wish) (vigil.Remediation, error) {
	body := Wished{Wish: w, ID: h.wishID(w), Patient: true}
	if body.ID != "" {
		r, err := h.Remediation(ctx, body.ID)
		if vigil.KindOf(err) != vigil.NotFound || err == nil {
			return r, sameWish(w, r, err)
		}
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		changed := h.watch()
		out, err := h.do(ctx, body)
		if err != nil {
			return vigil.Remediation{}, err
		}
		if !out.Wait {
			return h.Remediation(ctx, out.Remediation)
		}
		select {
		case <-changed:
		case <-enough.C:
			body.Patient = false
		case <-ctx.Done():
			return vigil.Remediation{}, fmt.Errorf("wait for %s to be free: %w", w.Target, ctx.Err())
		}
	}
}

// wishID computes the identity of a wish that brings an idempotency key.
func (h *Healer) wishID(w flow.Wish) string {
	if w.Key == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", h.o.Tenant, w.By, w.Key))
	return "rem-" + readable(sum[:])
}

// sameWish refuses a key that was used for another wish.
func sameWish(w flow.Wish, r vigil.Remediation, err error) error {
	if err != nil {
		return err
	}
	if r.Target.Kind != w.Target.Kind || r.Target.Name != w.Target.Name || r.Runbook[0].Action != w.Action {
		return vigil.Errorf(vigil.Conflict, "idempotency_key_reused", "this key asked for %s on %s before, as %s", r.Runbook[0].Action, r.Target, r.ID)
	}
	return nil
}

// watch returns a channel that closes at the next change.
func (h *Healer) watch() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Await returns the remediation as soon as until says yes to it, or as it is
// when ctx ends, with the context's error.
func (h *Healer) Await(ctx context.Context, id string, until func(vigil.Remediation) bool) (vigil.Remediation, error) {
	for {
		changed := h.watch()
		r, err := h.Remediation(ctx, id)
		if err != nil || until(r) {
			return r, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return r, fmt.Errorf("await remediation %s: %w", id, ctx.Err())
		}
	}
}

// Remediation returns one remediation as it is now, with evidence that has not
// been written yet.
func (h *Healer) Remediation(ctx context.Context, id string) (vigil.Remediation, error) {
	if r, ok := h.live(id); ok {
		return r, nil
	}
	return h.o.Ledger.Remediation(ctx, id)
}

// Remediations lists remediations, newest first.
func (h *Healer) Remediations(ctx context.Context, f flow.RemediationFilter) ([]vigil.Remediation, error) {
	rs, err := h.o.Ledger.Remediations(ctx, f)
	for i, r := range rs {
		if now, ok := h.live(r.ID); ok && now.Version == r.Version {
			rs[i] = now
		}
	}
	return rs, err
}

func (h *Healer) live(id string) (vigil.Remediation, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.open.get(id)
}

// Approve agrees to a remediation that awaits approval, or has an action that
// may have run started again. The guards are asked again. A version other than 0
// is the one that the person saw: another one is not approved.
func (h *Healer) Approve(ctx context.Context, id, by string, version int64) error {
	return h.decide(ctx, id, Approved{ID: id, By: by, Version: version})
}

// Deny refuses a remediation that awaits approval.
func (h *Healer) Deny(ctx context.Context, id, by string) error {
	return h.decide(ctx, id, Denied{ID: id, By: by})
}

// Cancel ends what has not started, asks what runs to stop, and closes what may
// have run.
func (h *Healer) Cancel(ctx context.Context, id, by string) error {
	return h.decide(ctx, id, Cancelled{ID: id, By: by})
}

// decide tells apart what is over from what never was.
func (h *Healer) decide(ctx context.Context, id string, body Body) error {
	_, err := h.do(ctx, body)
	if vigil.CodeOf(err) != "remediation_ended" {
		return err
	}
	r, lookErr := h.o.Ledger.Remediation(ctx, id)
	if lookErr != nil {
		return lookErr
	}
	if _, ok := body.(Approved); ok && r.State == vigil.Skipped && r.Hold != nil {
		return missed(r)
	}
	return vigil.Errorf(vigil.Conflict, "remediation_ended", "remediation %s %s already", id, r.State.Says())
}

// SetKillSwitch engages or lifts the kill switch. After it returned with the
// switch engaged, nothing new starts.
func (h *Healer) SetKillSwitch(ctx context.Context, k flow.KillSwitch) error {
	_, err := h.do(ctx, Switched{k})
	return err
}

// KillSwitch returns how the kill switch stands.
func (h *Healer) KillSwitch() flow.KillSwitch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.killSwitch
}

// ResetBreaker lets a stopped policy go on: its backlog is dropped and the
// present is looked at anew.
func (h *Healer) ResetBreaker(ctx context.Context, policy, by string) error {
	_, err := h.do(ctx, Reset{Policy: policy, By: by})
	return err
}

// Breakers lists what is stopped, and why, in the order of their policies.
func (h *Healer) Breakers(context.Context) ([]vigil.Breaker, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := []vigil.Breaker{}
	for _, of := range h.state.memories.keys(func(m flow.GuardMemory) bool { return m.Trip != nil }) {
		m, _ := h.state.memories.get(of)
		all = append(all, *m.Trip)
	}
	for key, m := range h.state.targets.all() {
		for policy, u := range m.Unhelpful {
			if u.Limit > 0 && u.N >= u.Limit {
				all = append(all, vigil.Breaker{
					Policy: policy, Target: &m.Target, State: vigil.BreakerTripped, Why: vigil.WhyIneffective, At: u.At,
					Detail: fmt.Sprintf("%d remediations in a row did not help %s", u.N, key),
				})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b vigil.Breaker) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Group+a.Detail, b.Group+b.Detail))
	})
	return all, nil
}

// MarkTarget takes a person's word on a target: from now on nothing automatic
// starts on one that is protected or decommissioned.
func (h *Healer) MarkTarget(ctx context.Context, m Marked) error {
	_, err := h.do(ctx, m)
	return err
}

// Marks returns what people said of targets, and the ids of the remediations
// that occupy some.
func (h *Healer) Marks() (marks map[string]vigil.Mark, treated map[string]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	marks = map[string]vigil.Mark{}
	for key, m := range h.state.targets.all() {
		if m.Mark != (vigil.Mark{}) {
			marks[key] = m.Mark
		}
	}
	return marks, maps.Collect(h.state.busy.all())
}
