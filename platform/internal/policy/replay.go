package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Said is what a decision says, of which a replay must say the same.
type Said struct {
	Verdict vigil.Verdict `json:"verdict"`
	Value   float64       `json:"value"`
	Reason  string        `json:"reason,omitempty"`
}

// SaidBy is what a stored decision says.
func SaidBy(d vigil.Decision) Said { return Said{d.Verdict, d.Value, d.Reason} }

// Same reports whether two say the same, to the last bit of the value.
func (s Said) Same(other Said) bool {
	return s.Verdict == other.Verdict && math.Float64bits(s.Value) == math.Float64bits(other.Value) && s.Reason == other.Reason
}

// Replayable says why a decision cannot be judged again; nil if it can.
func Replayable(d vigil.Decision) error {
	switch {
	case d.Basis != "":
		return nil
	case d.Engine == "":
		return vigil.Errorf(vigil.Conflict, "decision_too_old", "decision %s is from a version that did not keep what a replay needs", d.ID).
			Hinted("decisions that are made from now on can be replayed: vigil decision ls")
	case len(d.Samples) == 0:
		return vigil.Errorf(vigil.Conflict, "decision_bare", "decision %s kept no samples", d.ID).Hinted("vigil decision show %s", d.ID)
	}
	return nil
}

// Replay judges a stored decision again, by what it kept and nothing else. The
// guest must be a fresh one that answers host calls from the transcript. What
// was the host's own word is worked out again without it. An error is one of the
// replay; a guest that fails has said so, as it would have at the time.
func Replay(ctx context.Context, d vigil.Decision, g Guest) (Said, error) {
	if err := Replayable(d); err != nil {
		return Said{}, err
	}
	switch d.Basis {
	case vigil.BasisSilence:
		if d.Silence != nil && d.Silence.Lasts(d.Lookback.D()) {
			return SaidBy(d), nil
		}
		return Said{Verdict: vigil.VerdictOK, Value: d.Value, Reason: "the series had spoken within " + d.Lookback.String()}, nil
	case vigil.BasisBackoff, vigil.BasisQuery, vigil.BasisAbsence:
		return SaidBy(d), nil // nobody was asked, or nobody answered
	}
	if err := g.Configure(ctx, d.Config, settingsOf(d.Settings)); err != nil {
		return Said{}, fmt.Errorf("configure for decision %s: %w", d.ID, err)
	}
	desk := restage(d)
	judgements, err := g.Eval(ctx, desk.ask)
	if err != nil {
		if ctx.Err() != nil {
			return Said{}, errors.Join(ctx.Err(), err)
		}
		// A failure says nothing of a value: the one that stood goes on to.
		return Said{vigil.VerdictError, d.Value, failure(err)}, nil
	}
	n := last(desk.notes(&paper{}, judgements), desk.asked[len(desk.asked)-1], d.At)
	if d.Verdict == vigil.VerdictPending && n.verdict == vigil.VerdictFire {
		n.verdict = vigil.VerdictPending // `for` is the host's, and lies in when it looked
	}
	return Said{n.verdict, n.value, n.reason}, nil
}

// restage lays a desk out as it was for a decision's series, which comes last.
func restage(d vigil.Decision) *desk {
	row := flow.PolicyRow{Policy: vigil.Policy{Name: d.Policy, Lookback: d.Lookback}, Digest: d.Digest, Revision: d.Revision}
	k := &desk{bound: &bound{row: row}, heard: evaluation{now: d.Evaluated, seq: d.Seq}}
	k.ask = flow.Ask{Config: d.Config, Policy: d.Policy, Now: d.Evaluated, Seq: d.Seq}
	from := &offer{batch: &flow.Batch{Received: d.Received}, at: d.Received, bare: d.Bare}
	for _, b := range append(slices.Clip(d.Beside), vigil.Beside{SeriesID: d.SeriesID, Series: d.Series, Flags: d.Flags, Samples: d.Samples}) {
		k.asked = append(k.asked, &track{id: b.SeriesID, series: b.Series, target: d.Target})
		k.ask.Runs = append(k.ask.Runs, flow.Run{ID: b.SeriesID, Meta: b.Series, First: uint32(len(k.ask.Times)), Count: uint32(len(b.Samples)), Flags: b.Flags})
		for _, s := range b.Samples {
			k.ask.Times, k.ask.Values = append(k.ask.Times, s.Time.UnixNano()), append(k.ask.Values, s.Value)
			k.origins = append(k.origins, from)
		}
	}
	return k
}

// last is the note on a track that speaks of the sample that decided.
func last(notes []note, about *track, at time.Time) (n note) {
	for _, m := range notes {
		if m.track == about && m.verdict != "" && !m.at.After(at) {
			n = m
		}
	}
	return n
}
