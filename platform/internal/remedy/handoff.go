package remedy

import (
	"fmt"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// handOff records that a policy's remediation has tried all that it may, and that
// a person goes on. The caller has moved it to where it ends, and saves.
func (d *draft) handOff(r *vigil.Remediation, why string) {
	if r.Origin != vigil.FromPolicy || r.HandOff != nil {
		return // a person is looking already
	}
	h := vigil.HandOff{At: d.now, By: r.By, Why: why}
	for _, a := range r.Attempts {
		if !a.StartedAt.IsZero() {
			h.Tried = append(h.Tried, tried(a, r.Runbook))
		}
	}
	r.HandOff = &h
	d.record(vigil.AuditRecord{
		By: r.By, Verb: "remediation.handed_off", Object: r.ID, Target: r.Target.String(), To: string(r.State),
		Message: "a person goes on: " + why, Detail: asJSON(h),
	})
}

// tried is one attempt in a clause.
func tried(a vigil.Attempt, runbook []vigil.Step) string {
	what := a.Action
	if len(runbook) > 1 {
		what = fmt.Sprintf("%s (step %d of %d)", a.Action, a.Step+1, len(runbook))
	}
	switch {
	case a.OK:
		return what + ": it ended well and the target stayed bad"
	case a.Message != "":
		return what + ": " + a.Message
	}
	return what + ": " + a.Code
}
