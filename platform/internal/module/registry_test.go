package module_test

import (
	"context"
	"errors"
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
	m := upload(t, r, "policy odd 1.0.0: service.restart service:web, http.request endpoint:pager, query metric:*, state state:odd")
	f := func(capability, target, code string) {
		t.Helper()
		_, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: m.Digest, Capability: capability, Target: target})
		if vigil.CodeOf(err) != code {
			t.Errorf("Grant of %s = %v, want %q", capability, err, code)
		}
	}
	f("service.restart", "service:web", "grant_invalid")
	f("http.*", "endpoint:pager", "grant_invalid")
	f("query", "metric:cpu_usage", "")
	f("state", "state:*", "")
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
	grant(t, r, vigil.Grant{Digest: m.Digest, Capability: "service.restart", Target: "service:web"})
	later := module.New(module.Options{Store: s, Checker: naming{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	got, grants, err := later.Action(t.Context(), "restart-service")
	if err != nil || got.Digest != m.Digest || len(grants) != 1 || grants[0].Capability != "service.restart" {
		t.Errorf("Action = %+v, %+v, %v", got, grants, err)
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
	upload(t, r, "action restart-service 1.0.0: service.restart service:*, query metric:*, state state:restart-service")
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
	f("query", "metric:cpu_usage", never, "")
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
	f("notify.send", "channel:ops", never, "grant_invalid") // no Vigil has it yet
	f("service.restart", "host:web", never, "grant_target_kind")
	f("http.request", "service:web", never, "grant_target_kind")
	f("command.*", "endpoint:du", never, "grant_target_kind")
	f("query", "state:*", never, "grant_target_kind")
	f("state", "state:another", never, "grant_target_kind")
	f("service.stop", "service:web", never, "grant_not_required")
	f("http.request", "endpoint:pager", never, "grant_not_required")
	if len(s.grants) != 3 {
		t.Errorf("%d grants are stored", len(s.grants))
	}
	if _, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: "nobody", Capability: "service.restart", Target: "service:web"}); vigil.KindOf(err) != vigil.NotFound {
		t.Errorf("grant to an unknown module: %v", err)
	}
}

// TestGrant_KnowsWhatTheConfigurationNames: what no host has is refused where
// all of them are known, and warned of where one may have it that is not.
func TestGrant_KnowsWhatTheConfigurationNames(t *testing.T) {
	t.Parallel()
	offers := module.Offers{Targets: []string{"service:web", "endpoint:pager", "command:du"}}
	f := func(capability, target string, whole bool, code string, warned bool) {
		t.Helper()
		r := module.New(module.Options{
			Store: &shelf{}, Checker: naming{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Offers: func(context.Context) (module.Offers, error) { offers.Whole = whole; return offers, nil },
		})
		upload(t, r, "action all 1.0.0: service.* service:*, http.request endpoint:*, command.run command:*, query metric:*")
		g, err := r.Grant(t.Context(), "ann", vigil.Grant{Digest: "all", Capability: capability, Target: target})
		if vigil.CodeOf(err) != code || (g.Warning != "") != warned {
			t.Errorf("Grant(%q, %q) with all hosts known: %v = warning %q, %v", capability, target, whole, g.Warning, err)
		}
	}
	for _, whole := range []bool{true, false} {
		f("http.request", "endpoint:pager", whole, "", false)
		f("http.request", "endpoint:pag*@host-1", whole, "", false)
		f("http.request", "endpoint:*", whole, "", false)
		f("command.run", "command:du", whole, "", false)
		f("service.restart", "service:web", whole, "", false)
		f("service.restart", "service:wbe", whole, "", true) // its host may come later
		f("query", "metric:any", whole, "", false)
	}
	f("http.request", "endpoint:pagre", true, "grant_target_unknown", false)
	f("command.run", "command:pager", true, "grant_target_unknown", false)
	f("http.request", "endpoint:pagre", false, "", true)
	f("command.run", "command:p*", false, "", true)
}

// dies is a store under which the process dies at its nth write: what was
// written until then is all that the next one finds.
type dies struct {
	*shelf
	at int
}

var errDead = errors.New("the process died")

func (d *dies) PutModule(ctx context.Context, row flow.ModuleRow, recs ...vigil.AuditRecord) (bool, error) {
	if d.at--; d.at < 0 {
		return false, errDead
	}
	return d.shelf.PutModule(ctx, row, recs...)
}

func (d *dies) PutGrant(ctx context.Context, g vigil.Grant, rec vigil.AuditRecord) error {
	if d.at--; d.at < 0 {
		return errDead
	}
	return d.shelf.PutGrant(ctx, g, rec)
}

// TestUpload_NoCrashLeavesABuiltInWithoutItsGrants dies at every write of a
// start, starts again, and then lets a person take a grant back.
func TestUpload_NoCrashLeavesABuiltInWithoutItsGrants(t *testing.T) {
	t.Parallel()
	u := flow.Upload{By: "builtin", BuiltIn: true, Wasm: []byte("action kick 1.0.0: service.restart service:*, query metric:*")}
	for at := range 3 {
		s := &shelf{}
		first := module.New(module.Options{Store: &dies{s, at}, Checker: naming{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		_, _, err := first.Upload(t.Context(), u)
		if died := errors.Is(err, errDead); died != (at == 0) {
			t.Fatalf("death at write %d: %v", at, err)
		}
		next := over(s, module.Trust{})
		m, _, err := next.Upload(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		have, err := next.Grants(t.Context(), m.Digest)
		if err != nil || len(have) != 2 || len(s.grants) != 2 || len(s.audit) != 3 || s.audit[2].Verb != "grant.given" {
			t.Fatalf("after a death at write %d: grants %+v, %v, records %+v", at, have, err, s.audit)
		}
		if err := next.Revoke(t.Context(), "ann", have[0].ID); err != nil {
			t.Fatal(err)
		}
		last := over(s, module.Trust{})
		if _, _, err := last.Upload(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if left, err := last.Grants(t.Context(), m.Digest); err != nil || len(left) != 1 || left[0].ID != have[1].ID {
			t.Errorf("what a person took back came again: %+v, %v", left, err)
		}
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
	if _, s, err := upload(`{"properties":{"a":{"uniqueItems":true}}}`); vigil.CodeOf(err) != "module_schema" || len(s.rows) != 0 {
		t.Errorf("Upload with a word that nobody checks = %v, %d stored", err, len(s.rows))
	}
}
