package module

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Grant lets a module digest use a capability on targets. The digest may be
// given as anything Resolve understands; what is stored is the full digest. What
// no call could ever match is refused; what perhaps none can has a Warning.
func (r *Registry) Grant(ctx context.Context, by string, g vigil.Grant) (vigil.Grant, error) {
	m, err := r.Resolve(ctx, g.Digest)
	if err != nil {
		return vigil.Grant{}, err
	}
	g.ID, g.Digest, g.By, g.At = vigil.NewID("g"), m.Digest, by, r.now()
	if err := check(m, g); err != nil {
		return vigil.Grant{}, err
	}
	warning, err := r.named(ctx, g)
	if err != nil {
		return vigil.Grant{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.grants) >= maxGrants {
		return vigil.Grant{}, vigil.Errorf(vigil.Busy, "grant_too_many", "the registry holds %d grants, the limit", maxGrants)
	}
	err = r.store.PutGrant(ctx, g, granted(m, g))
	if err != nil {
		return vigil.Grant{}, fmt.Errorf("store grant to %s: %w", m.Name, err)
	}
	r.grants = append(r.grants, g)
	g.Warning = warning
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
	if err := r.store.DeleteGrant(ctx, id, revoked(r.grants[i], by, r.now())); err != nil {
		return fmt.Errorf("revoke grant %s: %w", id, err)
	}
	r.grants = slices.Delete(r.grants, i, i+1)
	return nil
}

// revoked is the record of a grant that ends.
func revoked(g vigil.Grant, by string, now time.Time) vigil.AuditRecord {
	return vigil.AuditRecord{
		At: now, By: by, Verb: "grant.revoked", Object: g.Digest, Target: g.Target, From: g.Capability,
		Message: fmt.Sprintf("%.19s may no longer %s on %s by %s", g.Digest, g.Capability, g.Target, g.ID), Detail: detail(g),
	}
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

// InForce lists a digest's grants that have not expired.
func (r *Registry) InForce(ctx context.Context, digest string) ([]vigil.Grant, error) {
	grants, err := r.Grants(ctx, digest)
	now := r.now()
	return slices.DeleteFunc(grants, func(g vigil.Grant) bool { return over(g, now) }), err
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
	return vigil.TargetFits(g.Target, target)
}
