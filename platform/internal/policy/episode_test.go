package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// step is one look in a story of an episode.
type step struct {
	at      int // seconds
	verdict vigil.Verdict
	want    vigil.EpisodeState
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	const (
		ok, fire, none, fail = vigil.VerdictOK, vigil.VerdictFire, vigil.VerdictNoData, vigil.VerdictError
		never                = vigil.EpisodeState("")
		pending, firing      = vigil.EpisodePending, vigil.EpisodeFiring
		resolved             = vigil.EpisodeResolved
	)
	start := time.Unix(1_700_000_000, 0)
	f := func(name string, h hold, story ...step) {
		t.Helper()
		var ep vigil.Episode
		for i, s := range story {
			ep = advance(ep, s.verdict, start.Add(time.Duration(s.at)*time.Second), h)
			if ep.State != s.want {
				t.Errorf("%s: after look %d (%s at %ds) the episode is %q, want %q", name, i, s.verdict, s.at, ep.State, s.want)
			}
		}
	}
	at := func(fire, recover int) hold {
		return hold{time.Duration(fire) * time.Second, time.Duration(recover) * time.Second}
	}
	f("healthy", at(0, 0), step{0, ok, never}, step{1, none, never}, step{2, fail, never})
	f("for 0 fires at once", at(0, 2), step{0, fire, firing})
	f("for must hold", at(5, 2), step{0, fire, pending}, step{4, fire, pending}, step{5, fire, firing})
	f("for begins anew", at(5, 2), step{0, fire, pending}, step{4, ok, resolved}, step{5, fire, pending}, step{9, fire, pending}, step{10, fire, firing})
	f("no data resets for", at(5, 2), step{0, fire, pending}, step{1, none, resolved}, step{5, fire, pending})
	f("an error keeps for", at(5, 2), step{0, fire, pending}, step{1, fail, pending}, step{5, fire, firing})
	f("recover_for must hold", at(0, 2), step{0, fire, firing}, step{1, ok, firing}, step{2, fire, firing}, step{3, ok, firing}, step{4, ok, firing}, step{5, ok, resolved})
	f("no data is not health", at(0, 2), step{0, fire, firing}, step{1, ok, firing}, step{2, none, firing}, step{9, ok, firing}, step{11, ok, resolved})
	f("an error is not health", at(0, 2), step{0, fire, firing}, step{9, fail, firing})
	f("recover_for 0", at(0, 0), step{0, fire, firing}, step{0, ok, resolved}, step{0, fire, firing})
	f("a clock that jumps back holds still", at(5, 5), step{10, fire, pending}, step{0, fire, pending}, step{15, fire, firing}, step{16, ok, firing}, step{3, ok, firing})
}

// TestAdvance_KeepsItsPromises checks rules that no story may break.
func TestAdvance_KeepsItsPromises(t *testing.T) {
	t.Parallel()
	verdicts := []vigil.Verdict{vigil.VerdictOK, vigil.VerdictInfo, vigil.VerdictFire, vigil.VerdictNoData, vigil.VerdictError}
	rapid.Check(t, func(rt *rapid.T) {
		h := hold{time.Duration(rapid.IntRange(0, 5).Draw(rt, "for")), time.Duration(rapid.IntRange(0, 5).Draw(rt, "recover_for"))}
		now := time.Unix(1_700_000_000, 0)
		var ep vigil.Episode
		var fireSince, clearSince time.Time // zero: the last look that counts said otherwise
		for range rapid.IntRange(1, 60).Draw(rt, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "passed")))
			v := rapid.SampledFrom(verdicts).Draw(rt, "verdict")
			switch v {
			case vigil.VerdictFire:
				clearSince = time.Time{}
				if fireSince.IsZero() {
					fireSince = now
				}
			case vigil.VerdictOK, vigil.VerdictInfo:
				fireSince = time.Time{}
				if clearSince.IsZero() {
					clearSince = now
				}
			case vigil.VerdictNoData:
				fireSince, clearSince = time.Time{}, time.Time{}
			case vigil.VerdictError, vigil.VerdictPending:
			}
			was := ep
			ep = advance(ep, v, now, h)
			switch {
			case ep.State == vigil.EpisodeFiring && was.State != vigil.EpisodeFiring:
				if v != vigil.VerdictFire || now.Sub(fireSince) < h.fire {
					rt.Fatalf("fired on %s, bad since %v, for %v", v, now.Sub(fireSince), h.fire)
				}
			case was.State == vigil.EpisodeFiring && ep.State == vigil.EpisodeResolved:
				if clearSince.IsZero() || now.Sub(clearSince) < h.recover {
					rt.Fatalf("resolved on %s, clear since %v, recover_for %v", v, clearSince, h.recover)
				}
			case was.State == vigil.EpisodeFiring && ep.State != vigil.EpisodeFiring:
				rt.Fatalf("a firing episode became %q", ep.State)
			}
			if v == vigil.VerdictError && ep.State != was.State {
				rt.Fatal("an error moved the episode")
			}
			if !isOpen(ep) && ep.State != "" && ep.EndedAt.IsZero() {
				rt.Fatal("an ended episode has no end")
			}
		}
	})
}
