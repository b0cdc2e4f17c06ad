package module_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// shelf is a store in memory.
type shelf struct {
	rows   []flow.ModuleRow
	grants []vigil.Grant
	audit  []vigil.AuditRecord
	fail   error
}

func (s *shelf) PutModule(_ context.Context, row flow.ModuleRow, recs ...vigil.AuditRecord) (bool, error) {
	if s.fail != nil {
		return false, s.fail
	}
	s.rows, s.audit = append(s.rows, row), append(s.audit, recs...)
	s.grants = append(s.grants, row.Grants...)
	return false, nil
}

func (s *shelf) SignModule(_ context.Context, m vigil.Module, rec vigil.AuditRecord) error {
	if s.fail != nil {
		return s.fail
	}
	i := slices.IndexFunc(s.rows, func(r flow.ModuleRow) bool { return r.Digest == m.Digest })
	s.rows[i].Module, s.audit = m, append(s.audit, rec)
	return nil
}

func (s *shelf) DeleteModule(_ context.Context, digest string, recs ...vigil.AuditRecord) error {
	if s.fail != nil {
		return s.fail
	}
	s.rows = slices.DeleteFunc(s.rows, func(r flow.ModuleRow) bool { return r.Digest == digest })
	s.grants = slices.DeleteFunc(slices.Clone(s.grants), func(g vigil.Grant) bool { return g.Digest == digest })
	s.audit = append(s.audit, recs...)
	return nil
}

func (s *shelf) DeleteGrant(_ context.Context, id string, rec vigil.AuditRecord) error {
	if s.fail != nil {
		return s.fail
	}
	s.grants = slices.DeleteFunc(slices.Clone(s.grants), func(g vigil.Grant) bool { return g.ID == id })
	s.audit = append(s.audit, rec)
	return nil
}

func (s *shelf) Modules(context.Context) ([]vigil.Module, error) {
	var all []vigil.Module
	for _, row := range s.rows {
		all = append(all, row.Module)
	}
	return all, s.fail
}

func (s *shelf) ModuleBytes(_ context.Context, digest string) ([]byte, error) {
	i := slices.IndexFunc(s.rows, func(r flow.ModuleRow) bool { return r.Digest == digest })
	return s.rows[i].Wasm, nil
}

func (s *shelf) PutGrant(_ context.Context, g vigil.Grant, rec vigil.AuditRecord) error {
	if s.fail != nil {
		return s.fail
	}
	s.grants, s.audit = append(s.grants, g), append(s.audit, rec)
	return nil
}

func (s *shelf) Grants(context.Context) ([]vigil.Grant, error) { return s.grants, s.fail }

// naming is a checker for bytes that say what they are: kind name version, and
// after a colon what they ask for.
type naming struct{}

func (naming) Check(_ context.Context, wasm []byte) (vigil.Manifest, error) {
	var m vigil.Manifest
	if _, err := fmt.Sscan(string(wasm), &m.Kind, &m.Name, &m.Version); err != nil {
		return m, vigil.Errorf(vigil.Invalid, "module_malformed", "no module")
	}
	m.Version = strings.TrimSuffix(m.Version, ":")
	if _, asks, ok := strings.Cut(string(wasm), ":"); ok {
		for ask := range strings.SplitSeq(asks, ",") {
			capability, target, _ := strings.Cut(strings.TrimSpace(ask), " ")
			m.Requires = append(m.Requires, vigil.Requirement{Capability: capability, Target: target, Why: "it does"})
		}
		return m, nil
	}
	if m.Kind == vigil.ActionModule {
		m.Requires = []vigil.Requirement{{Capability: "service.restart", Target: "service:*", Why: "it restarts"}}
	}
	return m, nil
}

func (n naming) Manifest(wasm []byte) (vigil.Manifest, error) {
	return n.Check(context.Background(), wasm)
}

// never is a checker that refuses to check.
type never struct{ naming }

func (never) Check(context.Context, []byte) (vigil.Manifest, error) {
	return vigil.Manifest{}, vigil.Errorf(vigil.Invalid, "checked", "this was checked")
}

func TestUpload_ChecksAllButWhatTheBinaryCarries(t *testing.T) {
	t.Parallel()
	r := module.New(module.Options{Store: &shelf{}, Checker: never{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	u := flow.Upload{By: "builtin", Wasm: []byte("policy threshold 1.0.0"), BuiltIn: true}
	if m, _, err := r.Upload(t.Context(), u); err != nil || m.Name != "threshold" || !m.BuiltIn {
		t.Errorf("Upload of a built-in = %+v, %v", m, err)
	}
	u = flow.Upload{By: "ann", Wasm: []byte("policy other 1.0.0")}
	if _, _, err := r.Upload(t.Context(), u); vigil.CodeOf(err) != "checked" {
		t.Errorf("Upload by a person = %v, want it checked", err)
	}
}

func registry(t *testing.T) (*module.Registry, *shelf) {
	t.Helper()
	return trusting(module.Trust{})
}

func trusting(trust module.Trust) (*module.Registry, *shelf) {
	s := &shelf{}
	return over(s, trust), s
}

// over is a registry that finds the shelf as it is, as after a restart.
func over(s *shelf, trust module.Trust) *module.Registry {
	at := time.Unix(1000+1000*int64(len(s.audit)), 0)
	now := func() time.Time { at = at.Add(time.Second); return at }
	return module.New(module.Options{Store: s, Checker: naming{}, Trust: trust, Log: slog.New(slog.DiscardHandler), Now: now})
}

func upload(t *testing.T, r *module.Registry, text string) vigil.Module {
	t.Helper()
	m, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestUpload_StoresOnceUnderTheDigest(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	first := upload(t, r, "policy threshold 1.0.0")
	if len(first.Digest) != 71 || first.UploadedBy != "ann" || first.Size != 22 {
		t.Errorf("module %+v", first)
	}
	again, known, err := r.Upload(t.Context(), flow.Upload{By: "bob", Wasm: []byte("policy threshold 1.0.0")})
	if err != nil || !known || cmp.Diff(first, again) != "" {
		t.Errorf("second upload = %+v, %v, %v", again, known, err)
	}
	if len(s.rows) != 1 || len(s.audit) != 1 || s.audit[0].Verb != "module.uploaded" || s.audit[0].By != "ann" || s.audit[0].Object != first.Digest {
		t.Errorf("%d rows, audit %+v", len(s.rows), s.audit)
	}
	b, err := r.Bytes(t.Context(), first.Digest)
	if err != nil || string(b) != "policy threshold 1.0.0" {
		t.Errorf("Bytes = %q, %v", b, err)
	}
}

func TestUpload_RefusesAndKeepsNothing(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	if _, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: make([]byte, vigil.MaxModuleSize+1)}); vigil.KindOf(err) != vigil.TooLarge {
		t.Errorf("large module: %v", err)
	}
	if _, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte("x")}); vigil.CodeOf(err) != "module_malformed" {
		t.Errorf("malformed module: %v", err)
	}
	if list, _ := r.List(t.Context()); len(list) != 0 {
		t.Errorf("list %v", list)
	}
	s.fail = vigil.Errorf(vigil.Internal, "storage_failed", "disk")
	if _, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte("policy threshold 1.0.0")}); vigil.CodeOf(err) != "storage_failed" {
		t.Errorf("failed store: %v", err)
	}
	s.fail = nil
	if list, _ := r.List(t.Context()); len(list) != 0 {
		t.Errorf("list after a failed store %v", list)
	}
}

func TestResolve_ABuiltInsNameCannotBeTaken(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	carried, _, err := r.Upload(t.Context(), flow.Upload{By: "builtin", Wasm: []byte("policy threshold 1.0.0"), BuiltIn: true})
	if err != nil {
		t.Fatal(err)
	}
	same := upload(t, r, "policy threshold 1.0.0 ")
	later := upload(t, r, "policy threshold 2.0.0")
	f := func(ref, want string) {
		t.Helper()
		if got, err := r.Resolve(t.Context(), ref); err != nil || got.Digest != want {
			t.Errorf("Resolve(%q) = %s, %v; want %s", ref, got.Digest, err, want)
		}
	}
	f("threshold", carried.Digest)
	f("threshold@1.0.0", carried.Digest)
	f("threshold@2.0.0", later.Digest)
	f(same.Digest, same.Digest)
}

func TestGrant_GivesAPolicyNoEffects(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	m := upload(t, r, "policy odd 1.0.0")
	for capability, code := range map[string]string{"service.restart": "grant_invalid", "http.*": "grant_invalid", "query": "", "state": ""} {
		_, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: m.Digest, Capability: capability, Target: "service:web"})
		if vigil.CodeOf(err) != code {
			t.Errorf("Grant of %s = %v, want %q", capability, err, code)
		}
	}
	if len(s.grants) != 2 {
		t.Errorf("%d grants are stored, want two", len(s.grants))
	}
}

// TestResolve_MeansTheSameAfterARestart: the newest is the one that was stored
// last, whatever the clock said.
func TestResolve_MeansTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	at := time.Unix(2000, 0)
	back := func() time.Time { at = at.Add(-time.Second); return at }
	r := module.New(module.Options{Store: s, Checker: naming{}, Log: slog.New(slog.DiscardHandler), Now: back})
	upload(t, r, "policy odd 1.0.0")
	newest := upload(t, r, "policy odd 1.0.0 ")
	for name, r := range map[string]*module.Registry{"before": r, "after": over(s, module.Trust{})} {
		if m, err := r.Resolve(t.Context(), "odd@1.0.0"); err != nil || m.Digest != newest.Digest {
			t.Errorf("%s: Resolve = %s, %v; want %s", name, m.Digest, err, newest.Digest)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	if _, err := r.Resolve(t.Context(), "threshold"); vigil.KindOf(err) != vigil.NotFound || !strings.Contains(err.Error(), "none yet") {
		t.Errorf("empty registry: %v", err)
	}
	one := upload(t, r, "policy threshold 1.0.0")
	two := upload(t, r, "policy threshold 2.0.0")
	act := upload(t, r, "action restart-service 1.0.0")
	f := func(ref string, want vigil.Module, code string) {
		t.Helper()
		got, err := r.Resolve(t.Context(), ref)
		if got.Digest != want.Digest || vigil.CodeOf(err) != code {
			t.Errorf("Resolve(%q) = %s@%s, %v; want %s@%s, code %q", ref, got.Name, got.Version, err, want.Name, want.Version, code)
		}
	}
	none := vigil.Module{}
	f("threshold", two, "")
	f("threshold@1.0.0", one, "")
	f("threshold@3.0.0", none, "module_not_found")
	f("restart-service", act, "")
	f(one.Digest, one, "")
	f(one.Digest[:len("sha256:")+12], one, "")
	f(one.Digest[:len("sha256:")+11], none, "module_ref")
	f("sha256:000000000000", none, "module_not_found")
	f("treshold", none, "module_not_found")
	_, err := r.Resolve(t.Context(), "treshold")
	if !strings.Contains(err.Error(), "restart-service@1.0.0, threshold@2.0.0, threshold@1.0.0") {
		t.Errorf("the error does not name the known ones: %v", err)
	}
}

func TestRegistry_ReadsWhatAnEarlierOneStored(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	m := upload(t, r, "action restart-service 1.0.0")
	if _, err := r.GrantRequired(t.Context(), "vigil", m.Digest); err != nil {
		t.Fatal(err)
	}
	later := module.New(module.Options{Store: s, Checker: naming{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	got, grants, err := later.Action(t.Context(), "restart-service")
	if err != nil || got.Digest != m.Digest || len(grants) != 1 || grants[0].Capability != "service.restart" {
		t.Errorf("Action = %+v, %+v, %v", got, grants, err)
	}
	if again, err := later.GrantRequired(t.Context(), "vigil", m.Digest); err != nil || len(again) != 1 || len(s.grants) != 1 {
		t.Errorf("granting again = %+v, %v, stored %d", again, err, len(s.grants))
	}
}

func TestAction_RefusesAPolicy(t *testing.T) {
	t.Parallel()
	r, _ := registry(t)
	upload(t, r, "policy threshold 1.0.0")
	if _, _, err := r.Action(t.Context(), "threshold"); vigil.CodeOf(err) != "module_kind" {
		t.Errorf("Action of a policy = %v", err)
	}
}

func TestGrant_IsBoundToADigestAndAudited(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	one := upload(t, r, "action restart-service 1.0.0")
	g, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: "restart-service", Capability: "service.restart", Target: "service:web-*"})
	if err != nil || g.Digest != one.Digest || g.By != "ann" || g.ID == "" || g.At.IsZero() {
		t.Fatalf("Grant = %+v, %v", g, err)
	}
	if last := s.audit[len(s.audit)-1]; last.Verb != "grant.given" || last.Object != one.Digest || last.Target != "service:web-*" {
		t.Errorf("audit %+v", last)
	}
	two := upload(t, r, "action restart-service 2.0.0: service.stop service:web")
	if grants, err := r.Grants(t.Context(), two.Digest); err != nil || len(grants) != 0 {
		t.Errorf("a new digest that asks for more has %d grants, %v", len(grants), err)
	}
	if all, err := r.Grants(t.Context(), ""); err != nil || len(all) != 1 {
		t.Errorf("all grants: %v, %v", all, err)
	}
}

func TestGrant_RefusesWhatMeansNothing(t *testing.T) {
	t.Parallel()
	r, s := registry(t)
	upload(t, r, "action restart-service 1.0.0")
	f := func(capability, target string, expires time.Time, code string) {
		t.Helper()
		_, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: "restart-service", Capability: capability, Target: target, Expires: expires})
		if vigil.CodeOf(err) != code {
			t.Errorf("Grant(%q, %q) = %v, want code %q", capability, target, err, code)
		}
	}
	never := time.Time{}
	f("service.restart", "service:web", never, "")
	f("service.*", "service:*@host-1", never, "")
	f("query", "series:cpu_usage", never, "")
	f("", "service:web", never, "grant_invalid")
	f("service", "service:web", never, "grant_invalid")
	f("service.explode", "service:web", never, "grant_invalid")
	f("*", "service:web", never, "grant_invalid")
	f("query.x", "series:x", never, "grant_invalid")
	f("service.restart", "", never, "grant_invalid")
	f("service.restart", "*", never, "grant_invalid")
	f("service.restart", "service:web web2", never, "grant_invalid")
	f("service.restart", "service:", never, "grant_invalid")
	f("service.restart", "service:web", time.Unix(1, 0), "grant_invalid")
	if len(s.grants) != 3 {
		t.Errorf("%d grants are stored", len(s.grants))
	}
	if _, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: "nobody", Capability: "service.restart", Target: "service:web"}); vigil.KindOf(err) != vigil.NotFound {
		t.Errorf("grant to an unknown module: %v", err)
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	f := func(capability, pattern string, expires time.Time, ask, target string, want bool) {
		t.Helper()
		err := module.Allows([]vigil.Grant{{Capability: capability, Target: pattern, Expires: expires}}, ask, target, now)
		if (err == nil) != want || err != nil && vigil.CodeOf(err) != "capability_denied" {
			t.Errorf("grant %s on %s, ask %s on %s: %v", capability, pattern, ask, target, err)
		}
	}
	never := time.Time{}
	f("service.restart", "service:web", never, "service.restart", "service:web", true)
	f("service.restart", "service:web", never, "service.restart", "service:web@host-1", true)
	f("service.restart", "service:web@host-1", never, "service.restart", "service:web@host-1", true)
	f("service.restart", "service:web@host-1", never, "service.restart", "service:web@host-2", false)
	f("service.restart", "service:web@host-1", never, "service.restart", "service:web", false)
	f("service.restart", "service:web", never, "service.restart", "service:web2", false)
	f("service.restart", "service:web", never, "service.stop", "service:web", false)
	f("service.*", "service:web", never, "service.stop", "service:web", true)
	f("service.*", "service:web", never, "process.signal", "service:web", false)
	f("service.*", "service:web", never, "serviceX.stop", "service:web", false)
	f("service.restart", "service:*", never, "service.restart", "service:anything@h", true)
	f("service.restart", "service:*", never, "service.restart", "host:anything", false)
	f("service.restart", "service:web-*", never, "service.restart", "service:web-", true)
	f("service.restart", "service:*-web-*", never, "service.restart", "service:a-web-b-web-c", true)
	f("service.restart", "service:*-web", never, "service.restart", "service:a-web-b", false)
	f("service.restart", "service:web", now.Add(time.Second), "service.restart", "service:web", true)
	f("service.restart", "service:web", now, "service.restart", "service:web", false)
	if err := module.Allows(nil, "service.restart", "service:web", now); vigil.CodeOf(err) != "capability_denied" {
		t.Errorf("no grants: %v", err)
	}
}

// FuzzMatch shows that a pattern without a star matches itself only, and that
// a star between two parts matches whatever lies there.
func FuzzMatch(f *testing.F) {
	f.Add("web-", "-a", "x")
	f.Fuzz(func(t *testing.T, head, tail, middle string) {
		if strings.ContainsAny(head+tail+middle, "*@:") {
			t.Skip()
		}
		allow := func(pattern, target string) bool {
			return module.Allows([]vigil.Grant{{Capability: "service.stop", Target: "service:" + pattern}}, "service.stop", "service:"+target, time.Time{}) == nil
		}
		if !allow(head+"*"+tail, head+middle+tail) {
			t.Errorf("%q does not match %q", head+"*"+tail, head+middle+tail)
		}
		if got, want := allow(head, middle), head == middle; got != want {
			t.Errorf("pattern %q matches %q: %v", head, middle, got)
		}
	})
}

// schemed is a checker of modules that all bring the same schema.
type schemed string

func (s schemed) Check(ctx context.Context, wasm []byte) (vigil.Manifest, error) {
	m, err := naming{}.Check(ctx, wasm)
	m.Settings = []byte(s)
	return m, err
}

func (s schemed) Manifest(wasm []byte) (vigil.Manifest, error) { return naming{}.Manifest(wasm) }

func TestUpload_KeepsTheSchemaAndRefusesOneThatIsNotHeeded(t *testing.T) {
	t.Parallel()
	upload := func(schema string) (vigil.Module, *shelf, error) {
		s := &shelf{}
		r := module.New(module.Options{Store: s, Checker: schemed(schema), Log: slog.New(slog.DiscardHandler), Now: time.Now})
		m, _, err := r.Upload(t.Context(), flow.Upload{By: "ann", Wasm: []byte("policy limits 1.0.0")})
		return m, s, err
	}
	const good = `{"type":"object"}`
	m, s, err := upload(good)
	if err != nil || string(m.Settings) != good || strings.Contains(string(s.audit[0].Detail), "object") {
		t.Errorf("Upload = %s, %v, recorded as %s", m.Settings, err, s.audit[0].Detail)
	}
	if _, s, err := upload(`{"properties":{"a":{"pattern":"x"}}}`); vigil.CodeOf(err) != "module_schema" || len(s.rows) != 0 {
		t.Errorf("Upload with a word that nobody checks = %v, %d stored", err, len(s.rows))
	}
}
