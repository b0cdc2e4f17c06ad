package app

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// fleet is what holds for all targets, whatever the policies say.
func (a *App) fleet() remedy.Fleet {
	c := a.o.Config
	rate := c.ActionRate
	if rate.N == 0 {
		rate = vigil.Rate{N: 300, Per: vigil.Duration(time.Hour)}
	}
	return remedy.Fleet{Rate: rate, Protected: c.Protected, Own: own(c.Services, a.o.Self), DependsOn: c.DependsOn}
}

// own names what Vigil itself is made of: by the names its parts usually have,
// and each service of this host that runs one of its binaries or units.
func own(services map[string]config.Service, self string) []string {
	parts := []string{"service:vigil", "service:vigil-*"}
	for name, s := range services {
		unit := strings.TrimSuffix(s.Unit, ".service")
		binary := ""
		if len(s.Start) > 0 {
			binary = filepath.Base(s.Start[0])
		}
		if isOwn(unit) || isOwn(binary) || self != "" && len(s.Start) > 0 && s.Start[0] == self {
			parts = append(parts, "service:"+name)
		}
	}
	slices.Sort(parts)
	return parts
}

func isOwn(name string) bool { return name == "vigil" || strings.HasPrefix(name, "vigil-") }

// inventory joins what policies know of targets with what people said of them.
type inventory struct {
	healer   *remedy.Healer
	policies *policy.Engine
}

// Targets lists the targets that a policy knows, and those that only a person
// spoke of.
func (i inventory) Targets(ctx context.Context) ([]vigil.KnownTarget, error) {
	known, err := i.policies.Known(ctx)
	if err != nil {
		return nil, err
	}
	marks, treated := i.healer.Marks()
	for n := range known {
		k := &known[n]
		name := k.Target.String()
		for _, said := range k.Target.Names() {
			if m, ok := marks[said]; ok && k.Mark == (vigil.Mark{}) {
				k.Mark = m
			}
		}
		delete(marks, name)
		k.Treatment = treated[name]
	}
	for name, m := range marks {
		if t, err := vigil.ParseTarget(name); err == nil {
			known = append(known, vigil.KnownTarget{Target: t, Memberships: []vigil.Membership{}, Mark: m})
		}
	}
	slices.SortFunc(known, func(a, b vigil.KnownTarget) int { return cmp.Compare(a.Target.String(), b.Target.String()) })
	return known, nil
}

// Mark takes a person's word, first on disk and then in the groups' census.
func (i inventory) Mark(ctx context.Context, t vigil.Target, word, by, reason string) error {
	if err := i.healer.MarkTarget(ctx, remedy.Marked{Target: t, Word: word, By: by, Reason: reason}); err != nil {
		return err
	}
	i.policies.Decommission(t, slices.ContainsFunc(decommissioned(i.healer), func(d vigil.Target) bool { return d == t }))
	return nil
}

// decommissioned lists what people took out of service.
func decommissioned(h *remedy.Healer) (out []vigil.Target) {
	marks, _ := h.Marks()
	for name, m := range marks {
		if t, err := vigil.ParseTarget(name); err == nil && m.Decommissioned {
			out = append(out, t)
		}
	}
	return out
}
