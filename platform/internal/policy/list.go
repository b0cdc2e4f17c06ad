package policy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// List returns the applied policies by name.
func (e *Engine) List(context.Context) ([]flow.PolicyRow, error) {
	s := e.set.Load()
	rows := make([]flow.PolicyRow, 0, len(s.byName))
	for _, name := range slices.Sorted(maps.Keys(s.byName)) {
		rows = append(rows, s.byName[name].shown())
	}
	return rows, nil
}

// Still calls fn with the applied policies while none can be applied or deleted.
// fn must not apply or delete one.
func (e *Engine) Still(ctx context.Context, fn func(rows []flow.PolicyRow) error) error {
	e.apply.Lock()
	defer e.apply.Unlock()
	rows, err := e.List(ctx)
	if err != nil {
		return err
	}
	return fn(rows)
}

// Get returns one applied policy.
func (e *Engine) Get(_ context.Context, name string) (flow.PolicyRow, error) {
	s := e.set.Load()
	if b := s.byName[name]; b != nil {
		return b.shown(), nil
	}
	return flow.PolicyRow{}, s.unknown(name)
}

// shown is the policy with how its query fares.
func (b *bound) shown() flow.PolicyRow {
	row := b.row
	if b.rule != nil && b.rule.query != nil {
		row.Query = b.rule.query.state()
	}
	return row
}

// unknown is the error for a name that no policy has; it names those there are.
func (s *set) unknown(name string) error {
	have := slices.Sorted(maps.Keys(s.byName))
	e := vigil.Errorf(vigil.NotFound, "policy_not_found", "no policy %q; have: %s", name, someOf(have)).
		Hinted("vigil policy ls")
	if near := vigil.Nearest(name, have); near != "" {
		e = e.Hinted("did you mean %s? See vigil policy ls", near)
	}
	return e
}

// someOf lists at most ten names.
func someOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 10 {
		names = append(slices.Clone(names[:10]), "…")
	}
	return strings.Join(names, ", ")
}
