package guard

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// dependency leaves alone what is bad because something below it is.
func dependency(r Request, _ time.Time) *vigil.Hold {
	if r.Manual || r.Below == "" {
		return nil
	}
	return hold(time.Time{}, "it depends on %s, which is treated first", r.Below)
}

// backoff waits ever longer after remediations that did not heal. Only one that
// did begins it anew.
func backoff(r Request, now time.Time) *vigil.Hold {
	if r.Manual || r.Failures == 0 {
		return nil
	}
	wait := r.Guards.Backoff.After(r.Failures)
	ends := r.FailedAt.Add(wait)
	if !now.Before(ends) {
		return nil
	}
	return hold(ends, "%d remediations in a row did not heal it; the wait of %s ends in %s", r.Failures, words(wait), words(ends.Sub(now)))
}

// minHealthy touches nothing while too few of the group are well.
func minHealthy(r Request, _ time.Time) *vigil.Hold {
	c, least := r.Census, r.Guards.MinHealthy
	want := least.Of(c.Known)
	if least.Percent && want*100 < least.N*c.Known {
		want++ // a percentage is never rounded in favour of acting
	}
	healthy := c.Known - c.Bad()
	if r.Manual || least.N == 0 || healthy >= want {
		return nil
	}
	return hold(time.Time{}, "%d of %d known targets of %s are healthy, below the min_healthy of %s", healthy, c.Known, c.Group, least)
}

// Cap returns how many targets of a group may be in treatment at a time; ok is
// false when there is no limit.
func Cap(most vigil.Share, known int) (n int, ok bool) {
	return max(1, most.Of(known)), most.N > 0
}

// maxConcurrent keeps most of a group out of treatment. As many again may wait
// for their turn, so that one whose remediator is away does not stop the others.
func maxConcurrent(r Request, _ time.Time) *vigil.Hold {
	most, ok := Cap(r.Guards.MaxConcurrent, r.Census.Known)
	if r.Manual || !ok || r.Treated < most && r.Treated+r.Waiting < 2*most {
		return nil
	}
	if r.Treated < most {
		return hold(time.Time{}, "%d of %d known targets of %s are in treatment and %d wait; the max_concurrent of %s allows %d",
			r.Treated, r.Census.Known, r.Census.Group, r.Waiting, r.Guards.MaxConcurrent, most)
	}
	return hold(time.Time{}, "%d of %d known targets of %s are in treatment; the max_concurrent of %s allows %d",
		r.Treated, r.Census.Known, r.Census.Group, r.Guards.MaxConcurrent, most)
}

// rateWindow holds what would take a token from an empty bucket.
func rateWindow(r Request, now time.Time) *vigil.Hold {
	if r.Manual {
		return nil
	}
	for _, b := range r.Buckets {
		if frees := b.frees(now); b.Rate.N > 0 && frees.After(now) {
			return hold(frees, "%s has used its rate of %s; the next is free in %s", b.Of, b.Rate, words(frees.Sub(now)))
		}
	}
	return nil
}

// frees is when the bucket has a token.
func (b Bucket) frees(now time.Time) time.Time { return b.Take(now).Add(-b.Rate.Per.D()) }

// Take returns when the bucket is full again after one token is taken: the
// virtual scheduling form of a leaky bucket (ITU-T I.371, GCRA), whose whole
// state is this one time. A clock that was set back cannot empty it for longer
// than one Per.
func (b Bucket) Take(now time.Time) time.Time {
	full, per := b.FullAt, b.Rate.Per.D()
	if full.Before(now) {
		full = now
	}
	if latest := now.Add(per); full.After(latest) {
		full = latest
	}
	return full.Add(per / time.Duration(max(b.Rate.N, 1)))
}

// breakerTripped stops what looks like one trouble of many and not many troubles.
// It asks the census too, so that a storm holds from the evaluation that shows it.
func breakerTripped(r Request, _ time.Time) *vigil.Hold {
	switch {
	case r.Manual:
		return nil
	case r.Trip != nil && r.Trip.Ends.IsZero():
		return hold(time.Time{}, "%s; actions start again %s after it is over", r.Trip.Detail, r.Trip.Calm)
	case r.Trip != nil:
		return hold(r.Trip.Ends, "%s; it is over since and must stay so for %s", r.Trip.Detail, r.Trip.Calm)
	}
	if detail := Storm(r); detail != "" {
		return hold(time.Time{}, "%s; actions start again %s after it is over", detail, r.Guards.Storm.Calm)
	}
	return nil
}

// Storm says in words that the census is a storm, "" if it is none.
func Storm(r Request) string {
	c, limit := r.Census, r.Guards.Storm
	if !limit.Rages(c.Bad(), c.Known) {
		return ""
	}
	return fmt.Sprintf("storm in %s: %d of %d known targets are unhealthy or silent, over %s", c.Group, c.Bad(), c.Known, limit.Share)
}

// ineffective leaves to a person what this policy's remediations do not help.
func ineffective(r Request, _ time.Time) *vigil.Hold {
	if r.Manual || r.Guards.Ineffective == 0 || r.Unhelpful < r.Guards.Ineffective {
		return nil
	}
	return hold(time.Time{}, "%d remediations by %s in a row did not help; a person goes on (vigil breaker reset %s)", r.Unhelpful, r.Policy, r.Policy)
}
