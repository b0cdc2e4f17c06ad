package policy

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// hold is how long a condition must last before the host believes it.
type hold struct {
	fire    time.Duration // `for`
	recover time.Duration // `recover_for`
}

// advance moves an episode by one look at its target: it is the whole life of
// an episode, and pure. An episode without a state is one that has not begun;
// the caller names it and fills in what it is about. The times compared are the
// collector's own, so that a late delivery is never taken for a long fire.
//
//	fire     begins an episode; it fires once it has been bad for hold.fire
//	ok, info ends a pending one; ends a firing one once clear for hold.recover
//	no_data  ends a pending one; makes a firing one's recovery begin anew
//	else     changes nothing
func advance(ep vigil.Episode, verdict vigil.Verdict, now time.Time, h hold) vigil.Episode {
	switch verdict {
	case vigil.VerdictFire:
		return worsen(ep, now, h.fire)
	case vigil.VerdictOK, vigil.VerdictInfo:
		return improve(ep, now, h.recover)
	case vigil.VerdictNoData:
		ep.ClearAt = time.Time{}
		if ep.State == vigil.EpisodePending {
			return end(ep, now)
		}
	case vigil.VerdictPending, vigil.VerdictError:
	}
	return ep
}

func worsen(ep vigil.Episode, now time.Time, wait time.Duration) vigil.Episode {
	ep.ClearAt = time.Time{}
	if !isOpen(ep) {
		ep = vigil.Episode{State: vigil.EpisodePending, Since: now}
	}
	if ep.State == vigil.EpisodePending && now.Sub(ep.Since) >= wait {
		ep.State, ep.FiredAt = vigil.EpisodeFiring, now
	}
	return ep
}

func improve(ep vigil.Episode, now time.Time, wait time.Duration) vigil.Episode {
	switch ep.State {
	case vigil.EpisodePending:
		return end(ep, now)
	case vigil.EpisodeFiring:
		if ep.ClearAt.IsZero() {
			ep.ClearAt = now
		}
		if now.Sub(ep.ClearAt) >= wait {
			return end(ep, now)
		}
	case vigil.EpisodeResolved:
	}
	return ep
}

func end(ep vigil.Episode, now time.Time) vigil.Episode {
	ep.State, ep.EndedAt = vigil.EpisodeResolved, now
	return ep
}

// isOpen reports whether the episode has begun and not ended.
func isOpen(ep vigil.Episode) bool {
	return ep.State == vigil.EpisodePending || ep.State == vigil.EpisodeFiring
}
