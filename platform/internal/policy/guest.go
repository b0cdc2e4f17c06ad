package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The wait after a guest's failures: minRetry doubling to maxRetry.
const (
	minRetry = 200 * time.Millisecond
	maxRetry = 30 * time.Second
)

// guest is a module's instance on one shard. All rules of the module share it.
type guest struct {
	Guest
	configured map[uint32]*rule // by config number
	charged    flow.GuestCost   // until when rules were charged
}

// charge puts what the guest used since the last time to a rule's account.
func (g *guest) charge(r *rule) {
	now := g.Cost()
	r.cost.fuel.Add(now.Fuel - g.charged.Fuel)
	r.cost.nanos.Add(int64(now.Time - g.charged.Time))
	r.cost.grew(now.Pages)
	g.charged = now
}

// guest returns the instance for a rule, opened and configured. fresh is true
// if it was opened for this call.
func (sh *shard) guest(ctx context.Context, r *rule) (g *guest, fresh bool, err error) {
	g = sh.guests[r.digest]
	if g == nil {
		instance, err := sh.e.opts.Guests.OpenPolicy(ctx, r.digest)
		if err != nil {
			return nil, true, fmt.Errorf("open module of policy %s: %w", r.name, err)
		}
		g, fresh = &guest{Guest: instance, configured: map[uint32]*rule{}}, true
		sh.guests[r.digest] = g
	}
	if g.configured[r.config] == r {
		return g, fresh, nil
	}
	err = g.Configure(ctx, r.config, settingsOf(r.settings))
	g.charge(r)
	if err != nil {
		sh.discard(ctx, r.digest)
		return nil, fresh, fmt.Errorf("configure policy %s: %w", r.name, err)
	}
	g.configured[r.config] = r
	return g, fresh, nil
}

// call asks the guest of a desk. One that fails is replaced; what an older
// instance failed at is put to a fresh one at once, as an earlier call may
// have spoilt it.
func (sh *shard) call(ctx context.Context, d *desk, now time.Time) ([]flow.Judgement, error) {
	r := d.bound.rule
	sh.seq++
	d.ask.Config, d.ask.Policy, d.ask.Now, d.ask.Seq = r.config, r.name, now, sh.seq
	for {
		g, fresh, err := sh.guest(ctx, r)
		var judgements []flow.Judgement
		if err == nil {
			judgements, err = g.Eval(ctx, d.ask)
			g.charge(r)
		}
		if err == nil {
			d.failures, d.retry, d.heard = 0, time.Time{}, evaluation{now: now, seq: sh.seq, calls: g.Calls()}
			if d.heard.calls != nil {
				d.heard.batch = d.beside()
			}
			sh.e.evaluations.Add(1)
			r.cost.calls.Add(1)
			r.cost.samples.Add(uint64(len(d.ask.Times)))
			sh.e.judgements.Add(uint64(len(judgements)))
			return judgements, nil
		}
		sh.discard(ctx, r.digest)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.heard = evaluation{now: now, seq: sh.seq}
		sh.e.failures.Add(1)
		r.cost.failed(vigil.CodeOf(err))
		if outside(err) {
			sh.stray(r, "its module spoke of what it was not asked about: "+vigil.AsError(err).Msg)
		}
		if fresh {
			d.fail(now)
			return nil, fmt.Errorf("ask the guest of policy %s: %w", r.name, err)
		}
	}
}

// fail schedules the next call after one more failure.
func (d *desk) fail(now time.Time) {
	d.retry = now.Add(min(minRetry<<min(d.failures, 16), maxRetry))
	d.failures++
}

// discard closes an instance; the next call opens another.
func (sh *shard) discard(ctx context.Context, digest string) {
	g := sh.guests[digest]
	if g == nil {
		return
	}
	delete(sh.guests, digest)
	if err := g.Close(context.WithoutCancel(ctx)); err != nil {
		sh.e.opts.Log.WarnContext(ctx, "close of a policy guest failed", "module", digest, "err", err)
	}
}

// warmUp opens at most one guest that will be needed, so that its first sample
// need not wait for it and no sample waits for more than one.
func (sh *shard) warmUp(ctx context.Context, now time.Time) {
	if sh.warm.IsZero() || now.Before(sh.warm) {
		return
	}
	sh.warm = time.Time{}
	for _, b := range sh.set.active {
		d, g := sh.desks[b.rule], sh.guests[b.rule.digest]
		if g != nil && g.configured[b.rule.config] == b.rule {
			continue
		}
		if now.Before(d.retry) {
			sh.warm = earliest(sh.warm, d.retry)
			continue
		}
		if _, _, err := sh.guest(ctx, b.rule); err != nil && ctx.Err() == nil {
			d.fail(now)
			sh.e.opts.Log.ErrorContext(ctx, "a policy cannot judge", "policy", b.row.Name, "module", b.rule.digest, "err", err)
		}
		sh.warm = now
		return
	}
}

func (sh *shard) closeGuests(ctx context.Context) {
	for digest := range sh.guests {
		sh.discard(ctx, digest)
	}
}
