package module

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// verbs lists what can be granted: the families of capabilities and their
// verbs. A family without verbs is a capability by itself.
var verbs = map[string][]string{
	"service": {"status", "start", "stop", "restart", "reload"},
	"process": {"list", "signal"},
	"command": {"run"},
	"http":    {"request"},
	"file":    {"stat", "read", "list", "truncate", "remove"},
	"git":     {"commit"},
	"notify":  {"send"},
	"query":   nil,
	"state":   nil,
}

// pattern is a target in which * stands for any run of characters.
var pattern = regexp.MustCompile(`^[a-z]+:[A-Za-z0-9_.*\-]{1,128}(@[A-Za-z0-9_.*\-]{1,128})?$`)

// Grant lets a module digest use a capability on targets. The digest may be
// given as anything Resolve understands; what is stored is the full digest.
func (r *Registry) Grant(ctx context.Context, by string, g vigil.Grant) (vigil.Grant, error) {
	m, err := r.Resolve(ctx, g.Digest)
	if err != nil {
		return vigil.Grant{}, err
	}
	g.ID, g.Digest, g.By, g.At = vigil.NewID("g"), m.Digest, by, r.now()
	if err := check(g); err != nil {
		return vigil.Grant{}, err
	}
	if family, _, dotted := strings.Cut(g.Capability, "."); dotted && m.Kind == vigil.PolicyModule {
		return vigil.Grant{}, vigil.Errorf(vigil.Invalid, "grant_invalid", "grant: capability: %s is a policy, which may have no effects such as those of %s", m.Name, family).
			With("field", "capability").Hinted("grant it to the action of the policy's runbook; a policy may query and state")
	}
	detail, err := json.Marshal(g)
	if err != nil {
		return vigil.Grant{}, fmt.Errorf("encode grant: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.grants) >= maxGrants {
		return vigil.Grant{}, vigil.Errorf(vigil.Busy, "grant_too_many", "the registry holds %d grants, the limit", maxGrants)
	}
	err = r.store.PutGrant(ctx, g, vigil.AuditRecord{
		At: g.At, By: by, Verb: "grant.given", Object: g.Digest, Target: g.Target, To: g.Capability,
		Message: fmt.Sprintf("%s@%s may %s on %s", m.Name, m.Version, g.Capability, g.Target), Detail: detail,
	})
	if err != nil {
		return vigil.Grant{}, fmt.Errorf("store grant to %s: %w", m.Name, err)
	}
	r.grants = append(r.grants, g)
	return g, nil
}

// Revoke takes a grant back, also from what runs: remediators ask before each
// effect. The one that is under way ends.
func (r *Registry) Revoke(ctx context.Context, by, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return err
	}
	i := slices.IndexFunc(r.grants, func(g vigil.Grant) bool { return g.ID == id })
	if i < 0 {
		return vigil.Errorf(vigil.NotFound, "grant_not_found", "no grant %q", id).Hinted("vigil grant ls")
	}
	rec, err := revoked(r.grants[i], by, r.now())
	if err != nil {
		return err
	}
	if err := r.store.DeleteGrant(ctx, id, rec); err != nil {
		return fmt.Errorf("revoke grant %s: %w", id, err)
	}
	r.grants = slices.Delete(r.grants, i, i+1)
	return nil
}

// revoked is the record of a grant that ends.
func revoked(g vigil.Grant, by string, now time.Time) (vigil.AuditRecord, error) {
	detail, err := json.Marshal(g)
	if err != nil {
		return vigil.AuditRecord{}, fmt.Errorf("encode grant: %w", err)
	}
	return vigil.AuditRecord{
		At: now, By: by, Verb: "grant.revoked", Object: g.Digest, Target: g.Target, From: g.Capability,
		Message: fmt.Sprintf("%.19s may no longer %s on %s by %s", g.Digest, g.Capability, g.Target, g.ID), Detail: detail,
	}, nil
}

// GrantRequired gives a module what its manifest asks for and it does not have
// yet. It is how built-in modules keep their grants when an upgrade changes
// their digest; a person who installs a module reads the list first.
func (r *Registry) GrantRequired(ctx context.Context, by, ref string) ([]vigil.Grant, error) {
	m, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	have, err := r.Grants(ctx, m.Digest)
	if err != nil {
		return nil, err
	}
	for _, want := range m.Requires {
		same := func(g vigil.Grant) bool { return g.Capability == want.Capability && g.Target == want.Target }
		if slices.ContainsFunc(have, same) {
			continue
		}
		g, err := r.Grant(ctx, by, vigil.Grant{Digest: m.Digest, Capability: want.Capability, Target: want.Target})
		if err != nil {
			return nil, err
		}
		have = append(have, g)
	}
	return have, nil
}

// Grants returns what a digest was granted, or all grants if it is empty, the
// oldest first. Expired ones are among them: Allows tells them apart.
func (r *Registry) Grants(ctx context.Context, digest string) ([]vigil.Grant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	list := []vigil.Grant{}
	for _, g := range r.grants {
		if digest == "" || g.Digest == digest {
			list = append(list, g)
		}
	}
	return list, nil
}

// check reports the first thing that makes a grant inadmissible.
func check(g vigil.Grant) error {
	bad := func(field, format string, args ...any) error {
		return vigil.Errorf(vigil.Invalid, "grant_invalid", "grant: "+field+": "+format, args...).With("field", field)
	}
	family, verb, dotted := strings.Cut(g.Capability, ".")
	known, ok := verbs[family]
	switch {
	case !ok || dotted != (known != nil) || dotted && verb != "*" && !slices.Contains(known, verb):
		return bad("capability", "%q is none; for example service.restart or service.*", g.Capability)
	case !pattern.MatchString(g.Target):
		return bad("target", "%q: want a pattern, for example service:web-*", g.Target)
	case !g.Expires.IsZero() && !g.Expires.After(g.At):
		return bad("expires", "%s is over", g.Expires.Format(time.RFC3339))
	}
	return nil
}

// Allows reports whether one of a digest's grants covers the use of a
// capability on a target, for example service.restart on service:web@host-1.
// A pattern without a host covers every host. The error has code
// capability_denied and says what would be needed.
func Allows(grants []vigil.Grant, capability, target string, now time.Time) error {
	expired := false
	for _, g := range grants {
		if !covers(g, capability, target) {
			continue
		}
		if !over(g, now) {
			return nil
		}
		expired = true
	}
	why := "was not granted"
	if expired {
		why = "was granted, but the grant has expired"
	}
	return vigil.Errorf(vigil.Unauthorised, "capability_denied", "%s on %s %s", capability, target, why).
		With("capability", capability).With("target", target).
		Hinted("vigil grant add MODULE %s %s", capability, target)
}

// over reports whether a grant has expired.
func over(g vigil.Grant, now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

func covers(g vigil.Grant, capability, target string) bool {
	family, all := strings.CutSuffix(g.Capability, ".*")
	if capability != g.Capability && !(all && strings.HasPrefix(capability, family+".")) {
		return false
	}
	if !strings.Contains(g.Target, "@") {
		target, _, _ = strings.Cut(target, "@")
	}
	return match(g.Target, target)
}

// match reports whether s is what the pattern says, in which * stands for any
// run of characters. Its time is bounded by the product of the lengths.
func match(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
