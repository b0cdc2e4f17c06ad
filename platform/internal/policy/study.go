package policy

import (
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// study makes a query of what a policy selects, if its results can name the
// policy's target and can show in time whether an action healed.
func (e *Engine) study(p vigil.Policy) (*query, error) {
	form, err := e.opts.Queries.Form(p.Select.Query)
	if err != nil {
		return nil, err
	}
	bad := func(field, format string, args ...any) error {
		return vigil.Errorf(vigil.Invalid, "policy_invalid", "policy "+p.Name+": "+field+": "+format, args...).With("field", field)
	}
	for _, label := range p.TargetLabels() {
		if !form.Open && label != "__name__" && !slices.Contains(form.Labels, label) {
			return nil, bad("target", "the query's results have no label %q; they have %s", label, listed(form.Labels))
		}
	}
	if p.Group != "" && !form.Open && !slices.Contains(form.Labels, p.Group) {
		return nil, bad("group", "the query's results have no label %q; they have %s", p.Group, listed(form.Labels))
	}
	window, need := p.Verify.Stabilise+p.Verify.Window, vigil.Duration(form.Reach)+2*p.Select.Every
	if len(p.Runbook) > 0 && window < need {
		return nil, bad("verify.window", "the query looks back %s every %s, so that stabilise and window must be %s together to show a healing, and are %s",
			vigil.Duration(form.Reach), p.Select.Every, need, window)
	}
	return &query{reach: form.Reach, named: map[string]flow.Run{}}, nil
}

func listed(labels []string) string {
	if len(labels) == 0 {
		return "none"
	}
	return strings.Join(labels, ", ")
}
