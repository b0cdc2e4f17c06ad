package module_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestDelete_IsRefusedWhileSomethingMeansTheModule(t *testing.T) {
	t.Parallel()
	f := func(name string, use module.Use, ref, code string) {
		t.Helper()
		r, s := registry(t)
		one := upload(t, r, "action kick 1.0.0")
		upload(t, r, "action kick 2.0.0")
		if use.Refs[0] == "digest" {
			use.Refs[0] = one.Digest
		}
		err := r.Delete(t.Context(), "bob", ref, []module.Use{{By: "policy other", Refs: []string{"nobody"}}, use})
		if vigil.CodeOf(err) != code {
			t.Errorf("%s: Delete(%s) = %v, want code %q", name, ref, err, code)
		}
		if want := map[bool]int{true: 1, false: 2}[code == ""]; len(s.rows) != want {
			t.Errorf("%s: %d modules are stored, want %d", name, len(s.rows), want)
		}
	}
	by := func(refs ...string) module.Use { return module.Use{By: "policy cpu-high", Refs: refs} }
	f("by name", by("kick"), "kick", "module_in_use")
	f("by name, the older one", by("kick"), "kick@1.0.0", "")
	f("by version", by("kick@1.0.0"), "kick@1.0.0", "module_in_use")
	f("by digest", by("digest"), "kick@1.0.0", "module_in_use")
	f("by digest, the newer one", by("digest"), "kick", "")
	f("unknown", by("kick"), "nobody", "module_not_found")
}

func TestDelete_TakesTheGrantsAlongAndSaysSo(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	m := upload(t, r, "action kick 1.0.0")
	grant(t, r, vigil.Grant{Digest: "kick", Capability: "service.restart", Target: "service:web"})
	s.fail = vigil.Errorf(vigil.Internal, "storage_failed", "disk")
	if err := r.Delete(t.Context(), "bob", "kick", nil); vigil.CodeOf(err) != "storage_failed" {
		t.Errorf("deletion on a broken disk: %v", err)
	}
	s.fail = nil
	if _, err := r.Resolve(t.Context(), "kick"); err != nil {
		t.Errorf("after a deletion that failed: %v", err)
	}
	if err := r.Delete(t.Context(), "bob", "kick", nil); err != nil {
		t.Fatal(err)
	}
	if all, err := r.Grants(t.Context(), ""); err != nil || len(all) != 0 || len(s.grants) != 0 {
		t.Errorf("grants left: %v, %v", all, err)
	}
	last := s.audit[len(s.audit)-2:]
	if last[0].Verb != "module.deleted" || last[0].Object != m.Digest || last[0].By != "bob" || last[1].Verb != "grant.revoked" {
		t.Errorf("audit %+v", last)
	}
	again := upload(t, r, "action kick 1.0.0")
	if have, _ := r.Grants(t.Context(), again.Digest); len(have) != 0 {
		t.Errorf("uploaded again it has %v", have)
	}
}

func TestDelete_LeavesWhatTheBinaryBringsAlong(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	for _, text := range []string{"action kick 1.0.0", "action kick 2.0.0"} {
		if _, _, err := r.Upload(t.Context(), flow.Upload{By: "builtin", Wasm: []byte(text), BuiltIn: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Delete(t.Context(), "bob", "kick", nil); vigil.CodeOf(err) != "module_built_in" {
		t.Errorf("the one in the binary: %v", err)
	}
	if err := r.Delete(t.Context(), "bob", "kick@1.0.0", nil); err != nil {
		t.Errorf("one of an earlier binary: %v", err)
	}
}

func TestListUsed_NamesTheUsers(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	upload(t, r, "policy odd 1.0.0")
	upload(t, r, "action kick 1.0.0")
	list, err := r.ListUsed(t.Context(), []module.Use{{By: "policy a", Refs: []string{"kick", "kick@1.0.0"}}, {By: "remediation r", Refs: []string{"kick"}}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, m := range list {
		got[m.Name] = m.UsedBy
	}
	if d := cmp.Diff(map[string][]string{"kick": {"policy a", "remediation r"}, "odd": nil}, got); d != "" {
		t.Errorf("users (-want +got):\n%s", d)
	}
}
