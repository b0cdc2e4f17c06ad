package guard

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// paused holds what a person paused, on the collector or by a file on the
// target's host. The hold may end with the last expiry, if all have one.
func paused(r Request, _ time.Time) *vigil.Hold {
	cover := r.Brakes.Paused(r.Policy, r.Target)
	if len(cover) == 0 {
		if r.Resting == "" {
			return nil
		}
		return hold(time.Time{}, "%s", r.Resting)
	}
	first, retry := cover[0], cover[0].Expires
	for _, p := range cover[1:] {
		switch {
		case p.Expires.IsZero():
			retry = time.Time{}
		case !retry.IsZero() && p.Expires.After(retry):
			retry = p.Expires
		}
	}
	until, more := "", ""
	if !first.Expires.IsZero() {
		until = " until " + first.Expires.UTC().Format(time.RFC3339)
	}
	if n := len(cover) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return hold(retry, "%s paused %s%s: %s%s", first.Holder, first.Scope.Says(), until, first.Reason, more)
}

// maintenance holds what a window covers until it closes; then the present is
// judged, and nothing of what happened meanwhile.
func maintenance(r Request, now time.Time) *vigil.Hold {
	w, closes, ok := r.Brakes.Maintained(r.Policy, r.Target, now)
	if !ok {
		return nil
	}
	if closes.IsZero() {
		return hold(time.Time{}, "maintenance %s cannot be read and counts as open", w.Name)
	}
	return hold(closes, "maintenance %s of %s ends in %s", w.Name, w.Scope.Says(), words(closes.Sub(now)))
}
