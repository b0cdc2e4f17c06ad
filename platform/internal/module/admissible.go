package module

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// family is what capabilities have in common whose names begin alike.
type family struct {
	kind  string   // of their targets
	verbs []string // none: the family is a capability by itself
}

// families are what can be granted, by the word before the dot.
func families() map[string]family {
	return map[string]family{
		"service": {"service", []string{"status", "start", "stop", "restart", "reload"}},
		"command": {"command", []string{"run"}},
		"http":    {"endpoint", []string{"request"}},
		"query":   {kind: "metric"},
		"state":   {kind: "state"},
	}
}

// pattern is a target in which * stands for any run of characters.
var pattern = regexp.MustCompile(`^[a-z]+:[A-Za-z0-9_.*\-]{1,128}(@[A-Za-z0-9_.*\-]{1,128})?$`)

// Offers is what may be acted on as far as the collector knows: targets without
// a host, for example endpoint:pager. Whole is false while there are hosts whose
// configuration it does not see.
type Offers struct {
	Targets []string
	Whole   bool
}

// check reports the first thing that makes a grant to m one that no call of m
// can match.
func check(m vigil.Module, g vigil.Grant) error {
	bad := func(code, field, format string, args ...any) *vigil.Error {
		return vigil.Errorf(vigil.Invalid, code, "grant: "+field+": "+format, args...).With("field", field)
	}
	name, verb, dotted := strings.Cut(g.Capability, ".")
	of, ok := families()[name]
	switch {
	case !ok || dotted != (of.verbs != nil) || dotted && verb != "*" && !slices.Contains(of.verbs, verb):
		return bad("grant_invalid", "capability", "%.64q is none; there are %s", g.Capability, capabilities())
	case !pattern.MatchString(g.Target):
		return bad("grant_invalid", "target", "%.256q: want a pattern, for example %s:web-*", g.Target, of.kind)
	case !strings.HasPrefix(g.Target, of.kind+":"):
		kind, rest, _ := strings.Cut(g.Target, ":")
		return bad("grant_target_kind", "target", "%s acts on targets of kind %s, never on one of kind %s", g.Capability, of.kind, kind).
			Hinted("vigil grant add %s %s '%s'", m.Name, g.Capability, of.kind+":"+rest)
	case name == "state" && !vigil.FitsPattern(g.Target, "state:"+m.Name):
		return bad("grant_target_kind", "target", "%s can only ask for its own state, never for %s", m.Name, g.Target).
			Hinted("vigil grant add %s %s '%s'", m.Name, g.Capability, "state:"+m.Name)
	case !g.Expires.IsZero() && !g.Expires.After(g.At):
		return bad("grant_invalid", "expires", "%s is over", g.Expires.Format(time.RFC3339))
	case dotted && m.Kind == vigil.PolicyModule:
		return bad("grant_invalid", "capability", "%s is a policy, which may have no effects such as those of %s", m.Name, name).
			Hinted("grant it to the action of the policy's runbook; a policy may query and state")
	case !slices.ContainsFunc(m.Requires, func(r vigil.Requirement) bool { return meet(r.Capability, g.Capability) }):
		return bad("grant_not_required", "capability", "%s@%s does not ask for %s; it asks for %s", m.Name, m.Version, g.Capability, asked(m)).
			Hinted("add it to requires: in the module's module.yaml and upload it again")
	}
	return nil
}

// meet reports whether there is a capability that both of two mean.
func meet(a, b string) bool {
	one := func(wide, narrow string) bool {
		family, all := strings.CutSuffix(wide, ".*")
		return wide == narrow || all && strings.HasPrefix(narrow, family+".")
	}
	return one(a, b) || one(b, a)
}

func capabilities() string {
	var all []string
	for name, f := range families() {
		if f.verbs == nil {
			all = append(all, name)
		}
		for _, verb := range f.verbs {
			all = append(all, name+"."+verb)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// asked names what a module asks for, for people.
func asked(m vigil.Module) string {
	all := map[string]bool{}
	for _, r := range m.Requires {
		all[r.Capability] = true
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// named says whether a grant's target is one that a host's configuration names:
// an error if none does, a warning if only the hosts that the collector does
// not see may. Services come and go with their hosts, so that one which nobody
// has named yet is never refused; metrics and state need no configuration.
func (r *Registry) named(ctx context.Context, g vigil.Grant) (warning string, err error) {
	if r.offers == nil {
		return "", nil
	}
	kind, _, _ := strings.Cut(g.Target, ":")
	target, _, _ := strings.Cut(g.Target, "@")
	section, ok := map[string]string{"service": "services", "endpoint": "endpoints", "command": "commands"}[kind]
	if !ok {
		return "", nil
	}
	offers, err := r.offers(ctx)
	if err != nil {
		return "", err
	}
	var have []string
	for _, t := range offers.Targets {
		if vigil.FitsPattern(target, t) {
			return "", nil
		}
		if strings.HasPrefix(t, kind+":") {
			have = append(have, t)
		}
	}
	if len(have) == 0 {
		have = []string{"none"}
	}
	slices.Sort(have)
	if kind == "service" || !offers.Whole {
		return "nothing that the collector knows of is called " + target + "; a remediator must name it under " + section + ": in its configuration", nil
	}
	return "", vigil.Errorf(vigil.Invalid, "grant_target_unknown", "grant: target: the configuration names no %s; have: %.512s", target, strings.Join(slices.Compact(have), ", ")).
		With("field", "target").Hinted("name it under %s: in the configuration and start again, or start the remediator that has it", section)
}
