package module

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Diff compares what two modules ask for, each given as anything Resolve
// understands, and says whether an upgrade from old to next keeps the grants.
func (r *Registry) Diff(ctx context.Context, old, next string) (vigil.CapabilityDiff, error) {
	a, err := r.Resolve(ctx, old)
	if err != nil {
		return vigil.CapabilityDiff{}, err
	}
	b, err := r.Resolve(ctx, next)
	if err != nil {
		return vigil.CapabilityDiff{}, err
	}
	d := diff(a, b)
	d.Grants, err = r.Grants(ctx, a.Digest)
	return d, err
}

// diff compares two modules. What is covered by a wider request of the other
// one, such as service.restart on service:web by service.* on service:*, counts
// as asked for there.
func diff(old, next vigil.Module) vigil.CapabilityDiff {
	d := vigil.CapabilityDiff{
		Old: old.Digest, New: next.Digest,
		Added: []vigil.Requirement{}, Removed: []vigil.Requirement{}, Kept: []vigil.Requirement{}, Grants: []vigil.Grant{},
	}
	for _, want := range next.Requires {
		if asks(old, want) {
			d.Kept = append(d.Kept, want)
		} else {
			d.Added = append(d.Added, want)
		}
	}
	for _, had := range old.Requires {
		if !asks(next, had) {
			d.Removed = append(d.Removed, had)
		}
	}
	d.Widened = len(d.Added) > 0
	d.Reason = parts(old, next, d.Widened)
	return d
}

// asks reports whether one of a module's requests covers another. A star in
// want can only be covered by a star, so match decides it as if it were a
// letter.
func asks(m vigil.Module, want vigil.Requirement) bool {
	return slices.ContainsFunc(m.Requires, func(r vigil.Requirement) bool {
		return covers(vigil.Grant{Capability: r.Capability, Target: r.Target}, want.Capability, want.Target)
	})
}

// parts says why grants of old are not carried over to next, "" if they are.
// What the binary brings along was granted to the binary, so nobody inherits it
// by using its name.
func parts(old, next vigil.Module, widened bool) string {
	switch {
	case old.Name != next.Name:
		return "it is another module"
	case old.Kind != next.Kind:
		return fmt.Sprintf("it is a %s and was a %s", next.Kind, old.Kind)
	case old.BuiltIn != next.BuiltIn:
		return "only one of them comes with the binary"
	case old.SignedBy != "" && old.SignedBy != next.SignedBy:
		return fmt.Sprintf("it is not signed by key %s any more", old.SignedBy)
	case widened:
		return "it asks for more"
	case compareVersions(next.Version, old.Version) < 0:
		return fmt.Sprintf("version %s is older than %s", next.Version, old.Version)
	}
	return ""
}

// inherit returns the grants that an upload takes over from the one that its
// name meant before. The caller holds mu.
func (r *Registry) inherit(next vigil.Module) []vigil.Grant {
	same := func(m vigil.Module) bool { return m.Name == next.Name && m.BuiltIn == next.BuiltIn }
	i := len(r.modules) - 1
	for i >= 0 && !same(r.modules[i]) {
		i--
	}
	if i < 0 || diff(r.modules[i], next).Reason != "" {
		return nil
	}
	var carried []vigil.Grant
	for _, g := range r.grants {
		if g.Digest != r.modules[i].Digest || over(g, next.UploadedAt) || len(r.grants)+len(carried) >= maxGrants {
			continue
		}
		g.Origin = cmp.Or(g.Origin, g.ID)
		g.ID, g.Digest, g.At = vigil.NewID("g"), next.Digest, next.UploadedAt
		carried = append(carried, g)
	}
	return carried
}

// required returns what a module of the binary's own asks for and did not
// inherit: it is granted by its name, at each upgrade. They are stored together
// with the module, so that no end of the process leaves it without them, and what
// a person takes back later stays taken. The caller holds mu.
func (r *Registry) required(row flow.ModuleRow) ([]vigil.Grant, []vigil.AuditRecord) {
	var given []vigil.Grant
	var recs []vigil.AuditRecord
	for _, want := range row.Requires {
		same := func(g vigil.Grant) bool { return g.Capability == want.Capability && g.Target == want.Target }
		if slices.ContainsFunc(row.Grants, same) || slices.ContainsFunc(given, same) {
			continue
		}
		g := vigil.Grant{
			ID: vigil.NewID("g"), Digest: row.Digest, Capability: want.Capability, Target: want.Target, By: row.UploadedBy, At: row.UploadedAt,
		}
		given, recs = append(given, g), append(recs, granted(row.Module, g))
	}
	return given, recs
}

// carriedOver are the records of what a module inherits.
func carriedOver(row flow.ModuleRow) []vigil.AuditRecord {
	recs := make([]vigil.AuditRecord, 0, len(row.Grants))
	for _, g := range row.Grants {
		recs = append(recs, vigil.AuditRecord{
			At: row.UploadedAt, By: row.UploadedBy, Verb: "grant.carried_over", Object: row.Digest, Target: g.Target, To: g.Capability,
			Message: fmt.Sprintf("%s@%s asks for no more, so it keeps %s on %s", row.Name, row.Version, g.Capability, g.Target), Detail: detail(g),
		})
	}
	return recs
}

// granted is the record of a grant that is given.
func granted(m vigil.Module, g vigil.Grant) vigil.AuditRecord {
	return vigil.AuditRecord{
		At: g.At, By: g.By, Verb: "grant.given", Object: g.Digest, Target: g.Target, To: g.Capability,
		Message: fmt.Sprintf("%s@%s may %s on %s", m.Name, m.Version, g.Capability, g.Target), Detail: detail(g),
	}
}

// detail is what a record keeps of a grant, nothing if it cannot be written: the
// record matters more.
func detail(g vigil.Grant) json.RawMessage {
	doc, err := json.Marshal(g)
	if err != nil {
		return nil
	}
	return doc
}

// compareVersions orders versions as people mean them: numbers by their value,
// and a pre-release before its release. What follows a + does not count.
func compareVersions(a, b string) int {
	a, _, _ = strings.Cut(a, "+")
	b, _, _ = strings.Cut(b, "+")
	coreA, preA, _ := strings.Cut(a, "-")
	coreB, preB, _ := strings.Cut(b, "-")
	if c := compareParts(coreA, coreB); c != 0 {
		return c
	}
	if (preA == "") != (preB == "") {
		return strings.Compare(preB, preA) // the one without is the release
	}
	return compareParts(preA, preB)
}

func compareParts(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := comparePart(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// comparePart compares numbers of any length by value, and numbers stand before
// words.
func comparePart(x, y string) int {
	numX, numY := strings.Trim(x, "0123456789") == "", strings.Trim(y, "0123456789") == ""
	switch {
	case numX && numY:
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
	case numX:
		return -1
	case numY:
		return 1
	}
	return strings.Compare(x, y)
}
