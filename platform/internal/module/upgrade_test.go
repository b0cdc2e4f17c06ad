package module_test

import (
	"slices"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func grant(t *testing.T, r *module.Registry, g vigil.Grant) vigil.Grant {
	t.Helper()
	got, err := r.Grant(t.Context(), "ann", g)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRevoke_TakesBackOnceAndSaysSo(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	m := upload(t, r, "action kick 1.0.0")
	g := grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web"})
	s.fail = vigil.Errorf(vigil.Internal, "storage_failed", "disk")
	if err := r.Revoke(t.Context(), "bob", g.ID); vigil.CodeOf(err) != "storage_failed" {
		t.Errorf("revoke on a broken disk: %v", err)
	}
	s.fail = nil
	if have, _ := r.Grants(t.Context(), m.Digest); len(have) != 1 {
		t.Errorf("a revocation that was not stored left %v", have)
	}
	if err := r.Revoke(t.Context(), "bob", g.ID); err != nil {
		t.Fatal(err)
	}
	if _, have, err := r.Action(t.Context(), "kick"); err != nil || len(have) != 0 || len(s.grants) != 0 {
		t.Errorf("after the revocation %v, %v, stored %v", have, err, s.grants)
	}
	if last := s.audit[len(s.audit)-1]; last.Verb != "grant.revoked" || last.By != "bob" || last.Object != m.Digest || last.Target != "service:web" {
		t.Errorf("audit %+v", last)
	}
	if err := r.Revoke(t.Context(), "bob", g.ID); vigil.CodeOf(err) != "grant_not_found" || vigil.KindOf(err) != vigil.NotFound {
		t.Errorf("second revocation: %v", err)
	}
}

func TestAction_HandsOnNoExpiredGrant(t *testing.T) {
	t.Parallel()
	r, _ := registry(t) // its clock goes on by a second at each look
	upload(t, r, "action kick 1.0.0")
	grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web", Expires: time.Unix(1004, 0)})
	if _, have, err := r.Action(t.Context(), "kick"); err != nil || len(have) != 1 {
		t.Errorf("before its end: %v, %v", have, err)
	}
	if _, have, err := r.Action(t.Context(), "kick"); err != nil || len(have) != 0 {
		t.Errorf("after its end: %v, %v", have, err)
	}
}

func TestUpload_CarriesGrantsOverOnlyIfNothingWidened(t *testing.T) {
	t.Parallel()
	f := func(name, old, next string, builtIn, want bool) {
		t.Helper()
		r, s := registry(t)
		upload(t, r, old)
		g := grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web-*", Budget: vigil.Rate{N: 3, Per: vigil.Duration(time.Hour)}})
		m, _, err := r.Upload(t.Context(), flow.Upload{By: "bob", Wasm: []byte(next), BuiltIn: builtIn})
		if err != nil {
			t.Fatal(err)
		}
		all, _ := r.Grants(t.Context(), m.Digest)
		have := slices.DeleteFunc(slices.Clone(all), func(g vigil.Grant) bool { return g.Origin == "" })
		if len(have) == 1 != want || len(s.grants) != 1+len(all) {
			t.Errorf("%s: the new module has %+v, want it to keep: %v", name, have, want)
		}
		if !want {
			return
		}
		if c := have[0]; c.ID == g.ID || c.Origin != g.ID || c.By != "ann" || c.Budget != g.Budget || c.Capability != g.Capability || c.Target != g.Target {
			t.Errorf("%s: carried %+v from %+v", name, c, g)
		}
		if last := s.audit[len(s.audit)-1]; last.Verb != "grant.carried_over" || last.By != "bob" || last.Object != m.Digest {
			t.Errorf("%s: audit %+v", name, last)
		}
	}
	old := "action kick 1.2.0: service.restart service:web-*, service.status service:*"
	f("the same", old, "action kick 1.3.0: service.restart service:web-*, service.status service:*", false, true)
	f("less", old, "action kick 1.10.0: service.restart service:web-1", false, true)
	f("a rebuild", old, "action kick 1.2.0: service.restart service:web-*", false, true)
	f("a wider target", old, "action kick 1.3.0: service.restart service:*", false, false)
	f("a wider verb", old, "action kick 1.3.0: service.* service:web-*", false, false)
	f("another verb", old, "action kick 1.3.0: service.restart service:web-*, service.stop service:web-1", false, false)
	f("an older version", old, "action kick 1.1.9: service.restart service:web-*", false, false)
	f("a pre-release", old, "action kick 1.2.0-rc.1: service.restart service:web-*", false, false)
	f("another name", old, "action kick2 1.3.0: service.restart service:web-*", false, false)
	f("another kind", old, "policy kick 1.3.0: service.restart service:web-*", false, false)
	f("a built-in's name", old, "action kick 1.3.0: service.restart service:web-*", true, false)
}

func TestUpload_CarriesOverFromWhatTheNameMeantLast(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	upload(t, r, "action kick 1.0.0: service.restart service:web")
	g := grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web"})
	grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:db", Expires: time.Unix(1004, 0)})
	two := upload(t, r, "action kick 1.1.0: service.restart service:web ") // at the second grant's end
	three := upload(t, r, "action kick 1.2.0: service.restart service:web")
	f := func(digest string, want int) {
		t.Helper()
		have, _ := r.Grants(t.Context(), digest)
		if len(have) != want || want > 0 && have[0].Origin != g.ID {
			t.Errorf("%s has %+v, want %d from %s", digest, have, want, g.ID)
		}
	}
	f(two.Digest, 1)
	f(three.Digest, 1)
	wide := upload(t, r, "action kick 2.0.0: service.restart service:*")
	f(wide.Digest, 0)
	narrow := upload(t, r, "action kick 2.1.0: service.restart service:web")
	f(narrow.Digest, 0) // its predecessor had none
}

func TestDiff_NamesWhatChanged(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	one := upload(t, r, "action kick 1.0.0: service.restart service:*, service.stop service:db")
	g := grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web"})
	upload(t, r, "action kick 2.0.0: service.restart service:web, service.reload service:web")
	d, err := r.Diff(t.Context(), "kick@1.0.0", "kick")
	if err != nil || d.Old != one.Digest || !d.Widened || d.Reason != "it asks for more" {
		t.Fatalf("Diff = %+v, %v", d, err)
	}
	f := func(what string, got []vigil.Requirement, capability, target string) {
		t.Helper()
		if len(got) != 1 || got[0].Capability != capability || got[0].Target != target {
			t.Errorf("%s = %+v, want %s on %s", what, got, capability, target)
		}
	}
	f("added", d.Added, "service.reload", "service:web")
	f("kept", d.Kept, "service.restart", "service:web")
	if len(d.Removed) != 2 || len(d.Grants) != 1 || d.Grants[0].ID != g.ID {
		t.Errorf("removed %+v, grants %+v", d.Removed, d.Grants)
	}
	if back, err := r.Diff(t.Context(), "kick", "kick@1.0.0"); err != nil || !back.Widened {
		t.Errorf("the other way = %+v, %v", back, err)
	}
	if _, err := r.Diff(t.Context(), "kick", "nobody"); vigil.KindOf(err) != vigil.NotFound {
		t.Errorf("unknown module: %v", err)
	}
}
