package audit

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// enough is how many episodes of either kind, treated and left alone, it takes to
// say anything of what actions are good for.
const enough = 5

// Learn compares a policy's episodes that were treated with those that were left
// alone, in any order. Whether an action was needless is estimated: how likely
// trouble that had lasted until the action would have been over by itself when it
// was over. The likelihood is that of Kaplan and Meier (1958), since an episode
// that was acted in shows how long trouble lasts only until then.
func Learn(policy string, episodes []vigil.Episode, remediations []vigil.Remediation, now time.Time) vigil.PolicyStats {
	s := vigil.PolicyStats{Policy: policy}
	begun := map[string]time.Time{} // when the first action of an episode began
	for _, r := range remediations {
		at := firstDeed(r)
		if at.IsZero() {
			continue
		}
		count(&s, r.State)
		if first, ok := begun[r.Episode]; !ok || at.Before(first) {
			begun[r.Episode] = at
		}
	}
	var alone []spell
	var treated, leftAlone []time.Duration
	var helped []treatment
	for _, ep := range episodes {
		if ep.Policy != policy || ep.FiredAt.IsZero() {
			continue
		}
		if s.Since.IsZero() || ep.FiredAt.Before(s.Since) {
			s.Since = ep.FiredAt
		}
		lasted, recovered := course(ep, now)
		deed, acted := begun[ep.ID]
		switch {
		case !acted:
			s.LeftAlone.Episodes++
			alone = append(alone, spell{lasted, recovered})
			if recovered {
				leftAlone = append(leftAlone, lasted)
			}
			continue
		case recovered:
			treated = append(treated, lasted)
			helped = append(helped, treatment{max(0, deed.Sub(ep.FiredAt)), lasted})
		}
		s.Treated.Episodes++
		alone = append(alone, spell{min(lasted, max(0, deed.Sub(ep.FiredAt))), false})
	}
	sum(&s.Treated, treated)
	sum(&s.LeftAlone, leftAlone)
	s.Needless, s.Why = needless(s, helped, survival(alone))
	return s
}

// firstDeed is when the first action of a remediation began; zero if none did.
func firstDeed(r vigil.Remediation) time.Time {
	for _, a := range r.Attempts {
		if !a.StartedAt.IsZero() {
			return a.StartedAt
		}
	}
	return time.Time{}
}

func count(s *vigil.PolicyStats, state vigil.State) {
	switch state {
	case vigil.Healed:
		s.Healed++
	case vigil.Failed, vigil.TimedOut:
		s.Failed++
	default:
		s.Unclear++
	}
}

// course is how long an episode was bad for, and whether it recovered then. One
// that ended because its policy changed did not.
func course(ep vigil.Episode, now time.Time) (lasted time.Duration, recovered bool) {
	switch {
	case ep.EndedAt.IsZero():
		return now.Sub(ep.FiredAt), false
	case ep.ClearAt.IsZero():
		return ep.EndedAt.Sub(ep.FiredAt), false
	}
	return ep.ClearAt.Sub(ep.FiredAt), true
}

func sum(r *vigil.Recoveries, times []time.Duration) {
	slices.Sort(times)
	if r.Recovered = len(times); r.Recovered > 0 {
		r.Median, r.P90 = vigil.Duration(quantile(times, 0.5)), vigil.Duration(quantile(times, 0.9))
	}
}

// quantile is the smallest of sorted times that a share of them does not exceed.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// spell is how long trouble was seen by itself, and whether it ended by itself then.
type spell struct {
	lasted time.Duration
	over   bool
}

// treatment is when after firing an action began, and when its target was well.
type treatment struct{ deed, well time.Duration }

// survival is the estimated share of trouble that lasts longer than a time; none
// is known beyond what was seen, unless all was over by then.
func survival(spells []spell) func(time.Duration) (share float64, known bool) {
	slices.SortFunc(spells, func(a, b spell) int {
		if a.lasted != b.lasted {
			return int(min(1, max(-1, a.lasted-b.lasted)))
		}
		if a.over == b.over {
			return 0
		} else if a.over { // who was watched until then had the chance
			return -1
		}
		return 1
	})
	shares := make([]float64, len(spells))
	share := 1.0
	for i, one := range spells {
		if one.over {
			share *= 1 - 1/float64(len(spells)-i)
		}
		shares[i] = share
	}
	return func(t time.Duration) (float64, bool) {
		n, _ := slices.BinarySearchFunc(spells, t, func(s spell, t time.Duration) int {
			if s.lasted <= t {
				return -1
			}
			return 1
		})
		if n == 0 {
			return 1, len(spells) > 0
		}
		return shares[n-1], shares[n-1] == 0 || t <= spells[len(spells)-1].lasted
	}
}

// needless is the mean likelihood that a recovery would have come without its
// action, or why that is unknown.
func needless(s vigil.PolicyStats, helped []treatment, lasts func(time.Duration) (float64, bool)) (*float64, string) {
	if s.LeftAlone.Episodes < enough {
		return nil, fmt.Sprintf("it takes %d episodes left alone (so far: %d)", enough, s.LeftAlone.Episodes)
	}
	total, n := 0.0, 0
	for _, h := range helped {
		before, _ := lasts(h.deed)
		after, known := lasts(h.well)
		if before > 0 && known { // else none was ever left alone for so long
			total += 1 - after/before
			n++
		}
	}
	if n < enough {
		return nil, fmt.Sprintf("it takes %d recoveries after an action that can be compared (so far: %d)", enough, n)
	}
	mean := total / float64(n)
	return &mean, ""
}
