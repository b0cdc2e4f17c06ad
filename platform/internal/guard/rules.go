package guard

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// countable is how many deeds a target's memory holds. A larger budget counts
// as this one, because more cannot be proven from the memory.
const countable = 64

func killSwitch(r Request, _ time.Time) *vigil.Hold {
	if !r.KillSwitch.Engaged {
		return nil
	}
	why := r.KillSwitch.Reason
	if why == "" {
		why = "no reason given"
	}
	return hold(time.Time{}, "%s engaged the kill switch: %s", r.KillSwitch.By, why)
}

// warmup lets the picture settle after a start: what looks bad in the first
// moments may only be what has not reported yet.
func warmup(r Request, now time.Time) *vigil.Hold {
	ends := r.Started.Add(r.Guards.Warmup.D())
	if r.Manual || r.Guards.Warmup == 0 {
		return nil
	}
	if now.Before(ends) {
		return hold(ends, "warm-up of %s ends in %s", r.Guards.Warmup, words(ends.Sub(now)))
	}
	if c := r.Census; c.Unheard*5 > c.Known {
		return hold(time.Time{}, "%d of %d known targets of %s have not been heard of since the start, more than 20%%", c.Unheard, c.Known, c.Group)
	}
	return nil
}

// expired ends what a person was asked and did not answer in time.
func expired(r Request, now time.Time) *vigil.Hold {
	age, limit := now.Sub(r.AskedAt), r.Guards.Approval()
	if r.AskedAt.IsZero() || age <= limit.D() {
		return nil
	}
	return hold(time.Time{}, "a person was asked %s ago and did not answer within the approve_within of %s", words(age), limit)
}

// stale refuses to act on a world that is gone: a plan that waited too long or
// whose policy changed, a sample from before the last deed, a sample too old.
func stale(r Request, now time.Time) *vigil.Hold {
	age, limit := now.Sub(r.PlannedAt), r.Guards.MaxAge.D()
	if !r.PlannedAt.IsZero() && limit > 0 && age > limit {
		return hold(time.Time{}, "decided %s ago, older than the max_age of %s", words(age), r.Guards.MaxAge)
	}
	if r.Manual {
		return nil
	}
	if r.Revision != r.Current {
		return hold(time.Time{}, "decided under revision %d of the policy, which is now at %d", r.Revision, r.Current)
	}
	if !r.After.IsZero() && !(r.SampleAt.Add(-r.Reach).After(r.After) && r.ReceivedAt.After(r.After)) {
		return hold(time.Time{}, "the firing sample is not newer than the last action, which ended %s ago", words(now.Sub(r.After)))
	}
	if age := now.Sub(r.SampleAt); r.Lookback > 0 && age > r.Lookback {
		return hold(time.Time{}, "the firing sample is %s old, older than the lookback of %s", words(age), words(r.Lookback))
	}
	return nil
}

func resolved(r Request, _ time.Time) *vigil.Hold {
	if r.Manual || r.Firing {
		return nil
	}
	return hold(time.Time{}, "the newest sample is clear")
}

func unmanaged(r Request, _ time.Time) *vigil.Hold {
	if r.Unmanaged == "" {
		return nil
	}
	return hold(time.Time{}, "%s", r.Unmanaged)
}

// outOfScope refuses parameters that would mean something else than the policy's
// author wrote.
func outOfScope(r Request, _ time.Time) *vigil.Hold {
	if r.Unfilled == "" {
		return nil
	}
	return hold(time.Time{}, "%s", r.Unfilled)
}

// shadow holds every mode that is not known to act or ask, so that an
// unreadable mode is harmless.
func shadow(r Request, _ time.Time) *vigil.Hold {
	if r.Manual || r.Mode == vigil.Auto || r.Mode == vigil.Suggest {
		return nil
	}
	return hold(time.Time{}, "would %s", r.Would)
}

func duplicate(r Request, _ time.Time) *vigil.Hold {
	if r.Manual || r.Busy == nil || !r.Busy.Same || r.SampleAt.After(r.Busy.SampleAt) {
		return nil
	}
	return hold(time.Time{}, "%s already treats this", r.Busy.Remediation)
}

func targetBusy(r Request, _ time.Time) *vigil.Hold {
	if r.Busy == nil {
		return nil
	}
	if r.Busy.State.Final() {
		return hold(time.Time{}, "%s may still be running; a person decides", r.Busy.Remediation)
	}
	return hold(time.Time{}, "%s is %s there", r.Busy.Remediation, r.Busy.State)
}

func cooldown(r Request, now time.Time) *vigil.Hold {
	if len(r.Deeds) == 0 {
		return nil
	}
	ends := r.Deeds[len(r.Deeds)-1].Add(r.Guards.Cooldown.D())
	if !now.Before(ends) {
		return nil
	}
	return hold(ends, "cooldown of %s ends in %s", r.Guards.Cooldown, words(ends.Sub(now)))
}

// exhausted stops a policy that acts and acts; only a person goes on.
func exhausted(r Request, now time.Time) *vigil.Hold {
	budget := r.Guards.Budget
	if r.Manual || budget.N == 0 {
		return nil
	}
	var recent []time.Time
	for _, at := range r.Deeds {
		if now.Sub(at) < budget.Per.D() {
			recent = append(recent, at)
		}
	}
	n := min(budget.N, countable)
	if len(recent) < n {
		return nil
	}
	frees := recent[len(recent)-n].Add(budget.Per.D())
	return hold(frees, "%d actions in the last %s use up the budget of %s; the next is free in %s",
		len(recent), budget.Per, budget, words(frees.Sub(now)))
}

func denied(r Request, _ time.Time) *vigil.Hold {
	if r.Denied == "" {
		return nil
	}
	return hold(time.Time{}, "%s", r.Denied)
}
