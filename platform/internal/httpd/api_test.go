package httpd_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestIngest_HandsOnWhatWasSent(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.receipt = flow.Receipt{Accepted: 1}
	b := start(t, w, nil)
	trace := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	got := b.do("POST", "/ingest", `{"name":"cpu_usage","value":0.12}`,
		"Content-Type", "application/json", "Traceparent", trace, "Vigil-Sent-At", "1700000000000000001")
	if got.status != 200 || got.body != `{"ok":true,"accepted":1}` {
		t.Errorf("answer = %d %s", got.status, got.body)
	}
	asked := w.asked[0]
	if asked.Trace.String() != trace || asked.SentAt.UnixNano() != 1700000000000000001 || asked.Started.IsZero() ||
		asked.ContentType != "application/json" || string(asked.Body) != `{"name":"cpu_usage","value":0.12}` {
		t.Errorf("request = %+v", asked)
	}
	b.do("POST", "/ingest", "{}", "Traceparent", "junk", "Vigil-Sent-At", "yesterday")
	if asked := w.asked[1]; asked.Trace.Valid() || !asked.SentAt.IsZero() {
		t.Errorf("junk headers became %+v", asked)
	}
}

func TestIngest_StringsOutliveTheirRequest(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	kinds := []string{"application/aaaa", "application/bbbb", "application/cccc"}
	for _, k := range kinds {
		b.do("POST", "/ingest", k, "Content-Type", k)
	}
	for i, k := range kinds {
		if got := w.asked[i]; got.ContentType != k || string(got.Body) != k {
			t.Errorf("request %d became %q %q", i, got.ContentType, got.Body)
		}
	}
}

func TestIngest_TellsWhatWasRejected(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	w.receipt = flow.Receipt{Accepted: 1, Rejected: []flow.Rejection{{Index: 1, Field: "ts", Code: "sample_too_old"}}}
	got := b.do("POST", "/ingest", "[]")
	if want := `{"ok":true,"accepted":1,"rejected":[{"index":1,"field":"ts","code":"sample_too_old"}]}`; got.status != 200 || got.body != want {
		t.Errorf("answer = %d %s, want %s", got.status, got.body, want)
	}
	w.receipt.Accepted = 0
	b.do("POST", "/ingest", "[]").want(t, 422, "samples_rejected")
}

func TestErrors_HaveTheirStatusAndHideInternals(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	f := func(err error, status int, code string) reply {
		t.Helper()
		w.locked(func() { w.fails = err })
		got := b.do("POST", "/ingest", "{}")
		got.want(t, status, code)
		if strings.Contains(got.body, "secret") {
			t.Errorf("answer %s shows internals", got.body)
		}
		return got
	}
	cause := errors.New("secret cause")
	f(cause, 500, "internal")
	f(&vigil.Error{Kind: vigil.Internal, Code: "broken", Msg: "secret text", Err: cause}, 500, "broken")
	f(&vigil.Error{Kind: vigil.Invalid, Code: "label_limit", Msg: "too many labels", Err: cause}, 422, "label_limit")
	f(vigil.Errorf(vigil.Invalid, "json_invalid", "not JSON"), 400, "json_invalid")
	f(vigil.Errorf(vigil.Invalid, "sample_value_type", "text"), 400, "sample_value_type")
	f(vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "x"), 415, "content_type_unsupported")
	f(vigil.Errorf(vigil.Unauthorised, "credential_missing", "who?"), 401, "credential_missing")
	f(vigil.Errorf(vigil.Conflict, "fence_stale", "old"), 409, "fence_stale")
	f(vigil.Errorf(vigil.Unavailable, "storage_failed", "disk"), 503, "storage_failed")
	f(context.DeadlineExceeded, 504, "timeout")
	got := f(vigil.Errorf(vigil.Busy, "series_limit", "full").With("retry_after", 7), 429, "series_limit")
	if got.header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After = %q, want 7", got.header.Get("Retry-After"))
	}
	got = f(vigil.Errorf(vigil.Invalid, "x_y", "bad").With("index", 3).With("status", 200).With("code", "forged").Hinted("do this"), 422, "x_y")
	if got.m["index"] != 3.0 || got.m["hint"] != "do this" || got.m["status"] != 422.0 {
		t.Errorf("members = %v", got.m)
	}
}

func TestRemediations_HeldSaysWhyAndWhen(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fails = vigil.Errorf(vigil.Held, "held", "cooldown of 5m ends in 2m").With("reason", "cooldown").With("retry_at", time.Unix(1700000000, 0).UTC())
	b := start(t, w, nil)
	got := b.do("POST", "/api/v1/remediations", `{"target":"service:web","action":"restart-service"}`)
	got.want(t, 409, "held")
	if got.m["reason"] != "cooldown" || got.m["retry_at"] != "2023-11-14T22:13:20Z" {
		t.Errorf("members = %v", got.m)
	}
}

func TestRemediations_RecordWhoAsksAndBeginTheTrace(t *testing.T) {
	t.Parallel()
	w := newWorld()
	spans := make(chan flow.Span, 4)
	b := start(t, w, func(o *httpd.Options) { o.Spans = emitter(spans) })
	body := `{"target":"service:web","action":"restart-service","reason":"slow"}`
	b.do("POST", "/api/v1/remediations", body, "Idempotency-Key", "k1", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	b.do("POST", "/api/v1/remediations", body)
	first, second := receive(t, spans), receive(t, spans)
	if first.Parent != (flow.SpanID{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}) || w.wishes[0].Trace != first.Context.String() || !first.Context.Sampled {
		t.Errorf("wish traced by %q, span %+v", w.wishes[0].Trace, first)
	}
	if second.Parent != (flow.SpanID{}) || !second.Context.Valid() || second.Service != "collector" {
		t.Errorf("root span = %+v", second)
	}
	want := flow.Wish{By: "local", Target: vigil.Target{Kind: "service", Name: "web"}, Action: "restart-service", Reason: "slow", Key: "k1", Trace: w.wishes[0].Trace}
	if diff := cmp.Diff(want, w.wishes[0]); diff != "" {
		t.Errorf("wish (-want +got):\n%s", diff)
	}
	b.do("POST", "/api/v1/remediations", `{"target":"service:web","action":"x","by":"root"}`).want(t, 400, "unknown_field")
	b.do("POST", "/api/v1/remediations", `{"target":"a b","action":"x"}`).want(t, 422, "target_out_of_scope")
	b.do("POST", "/api/v1/remediations", `x`, "Content-Type", "text/plain").want(t, 415, "content_type_unsupported")
	b.do("POST", "/api/v1/remediations", ``).want(t, 400, "body_empty")
}

type emitter chan flow.Span

func (e emitter) Emit(spans ...flow.Span) {
	for _, s := range spans {
		e <- s
	}
}

func TestRemediations_VerbsFollowTheID(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	f := func(verb string, want vigil.State) {
		t.Helper()
		if got := b.do("POST", "/api/v1/remediations/rem-1:"+verb, ""); got.status != 200 || got.m["state"] != string(want) {
			t.Errorf(":%s = %d %s", verb, got.status, got.body)
		}
	}
	f("approve", vigil.Planned)
	f("deny", vigil.Cancelled)
	f("cancel", vigil.Cancelled)
	b.do("POST", "/api/v1/remediations/rem-1:explode", "").want(t, 405, "method_not_allowed")
	b.do("POST", "/api/v1/remediations/rem-2:cancel", "").want(t, 404, "remediation_not_found")
	b.do("POST", "/api/v1/remediations/rem-1%3Acancel", "").want(t, 405, "method_not_allowed")
	b.do("GET", "/api/v1/remediations/rem-1:cancel", "").want(t, 404, "remediation_not_found")
}

func TestPolicies_AreAppliedFromJSONAndYAML(t *testing.T) {
	t.Parallel()
	w := newWorld()
	doc := `{"name":"cpu-high","module":"threshold","select":"cpu_usage","target":"service:web"}`
	b := start(t, w, func(o *httpd.Options) {
		o.YAML = func(y []byte) ([]byte, error) {
			if string(y) != "name: cpu-high" {
				return nil, vigil.Errorf(vigil.Invalid, "yaml_invalid", "line 1")
			}
			return []byte(doc), nil
		}
	})
	if got := b.do("PUT", "/api/v1/policies/cpu-high", doc); got.status != 201 || got.m["applied_by"] != "local" {
		t.Errorf("first = %d %s", got.status, got.body)
	}
	if got := b.do("PUT", "/api/v1/policies/cpu-high", "name: cpu-high", "Content-Type", "application/yaml"); got.status != 200 {
		t.Errorf("second = %d %s", got.status, got.body)
	}
	b.do("PUT", "/api/v1/policies/cpu-high", ":", "Content-Type", "text/yaml").want(t, 422, "yaml_invalid")
	b.do("PUT", "/api/v1/policies/other", doc).want(t, 422, "policy_name_mismatch")
	b.do("PUT", "/api/v1/policies/cpu-high", `{"name":"a","NAME":"b"}`).want(t, 400, "json_duplicate_key")
	b.do("PUT", "/api/v1/policies/cpu-high", doc, "Content-Type", "text/plain").want(t, 415, "content_type_unsupported")
	if got := b.do("DELETE", "/api/v1/policies/cpu-high", ""); got.status != 204 {
		t.Errorf("delete = %d %s", got.status, got.body)
	}
	b.do("GET", "/api/v1/policies/cpu-high", "").want(t, 404, "policy_not_found")
	if got := b.do("GET", "/api/v1/policies", ""); strings.TrimSpace(got.body) != `{"items":[]}` {
		t.Errorf("an empty list = %s", got.body)
	}
}

func TestModules_TravelAsBytes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, func(o *httpd.Options) { o.Limits.ModuleBody = 1 << 10 })
	wasm := "\x00asm\x01\x00\x00\x00 and more"
	if got := b.do("POST", "/api/v1/modules", wasm, "Content-Type", "application/wasm"); got.status != 201 || got.m["digest"] != "sha256:aa" {
		t.Fatalf("first upload = %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/api/v1/modules", wasm); got.status != 200 {
		t.Errorf("second upload = %d %s", got.status, got.body)
	}
	if got := b.do("POST", "/api/v1/modules", wasm, "Vigil-Signature", "c2lnbmVk"); got.status != 200 || got.m["signed_by"] != "signed" {
		t.Errorf("signed upload = %d %s", got.status, got.body)
	}
	b.do("POST", "/api/v1/modules", wasm, "Vigil-Signature", "***").want(t, 422, "signature_invalid")
	b.do("POST", "/api/v1/modules", strings.Repeat("x", 2<<10)).want(t, 413, "body_too_large")
	b.do("POST", "/api/v1/modules", "").want(t, 400, "body_empty")
	for _, ref := range []string{"threshold", "threshold@1.0.0", "threshold%401.0.0", "sha256:aa", "sha256%3Aaa"} {
		if got := b.do("GET", "/api/v1/modules/"+ref, ""); got.m["name"] != "threshold" {
			t.Errorf("GET %s = %d %s", ref, got.status, got.body)
		}
		if got := b.do("GET", "/api/v1/modules/"+ref+"/wasm", ""); got.body != wasm {
			t.Errorf("GET %s/wasm = %d %s", ref, got.status, got.body)
		}
	}
	if got := b.do("POST", "/api/v1/grants", `{"module":"threshold","capability":"service.restart","target":"service:*","budget":"3/1h"}`); got.status != 201 || got.m["by"] != "local" {
		t.Errorf("grant = %d %s", got.status, got.body)
	}
	b.do("POST", "/api/v1/grants", `{"module":"threshold","by":"root"}`).want(t, 400, "unknown_field")
	if got := b.do("GET", "/api/v1/grants:diff?old=threshold@1.0.0&new=threshold", ""); got.status != 200 || got.m["old"] != "threshold@1.0.0" || got.m["widened"] != true {
		t.Errorf("diff = %d %s", got.status, got.body)
	}
	b.do("GET", "/api/v1/grants:diff?old=threshold", "").want(t, 422, "parameter_invalid")
	w.policies["cpu-high"] = flow.PolicyRow{}
	b.do("DELETE", "/api/v1/modules/threshold", "").want(t, 409, "module_in_use")
	delete(w.policies, "cpu-high")
	if got := b.do("DELETE", "/api/v1/modules/threshold@1.0.0", ""); got.status != 204 {
		t.Errorf("delete = %d %s", got.status, got.body)
	}
	b.do("DELETE", "/api/v1/modules/threshold", "").want(t, 404, "module_not_found")
	if got := b.do("DELETE", "/api/v1/grants/grant-1", ""); got.status != 204 {
		t.Errorf("revoke = %d %s", got.status, got.body)
	}
	b.do("DELETE", "/api/v1/grants/grant-1", "").want(t, 404, "grant_not_found")
}

func TestQuery_LimitsAndFilters(t *testing.T) {
	t.Parallel()
	w := newWorld()
	at := time.Unix(1700000000, 0).UTC()
	w.samples = []vigil.Sample{{Name: "a", Value: 1, Time: at}, {Name: "b", Value: 2, Time: at, Labels: vigil.Labels{"host": "h"}}, {Name: "a", Value: 3, Time: at}}
	b := start(t, w, nil)
	f := func(query, want string) {
		t.Helper()
		if got := b.do("GET", "/query"+query, ""); got.body != want {
			t.Errorf("GET /query%s = %s, want %s", query, got.body, want)
		}
	}
	f("?limit=2", `{"metrics":[{"name":"a","value":1,"ts":"2023-11-14T22:13:20Z","labels":{}},{"name":"b","value":2,"ts":"2023-11-14T22:13:20Z","labels":{"host":"h"}}]}`)
	f("?name=b", `{"metrics":[{"name":"b","value":2,"ts":"2023-11-14T22:13:20Z","labels":{"host":"h"}}]}`)
	f("?name=none", `{"metrics":[]}`)
	for _, bad := range []string{"0", "-1", "x", "10001", "99999999999999999999"} {
		b.do("GET", "/query?limit="+bad, "").want(t, 422, "parameter_invalid")
	}
	b.do("GET", "/api/v1/audit?limit=0", "").want(t, 422, "parameter_invalid")
	b.do("GET", "/api/v1/audit?limit=vgl_echo", "").want(t, 422, "parameter_invalid")
}

func TestActions_KeepTheSeedsContract(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	got := b.do("POST", "/actions", `{"target":"web","action":"restart","status":"completed","details":{"pid":1},"started_at":1700000000}`)
	if got.status != 200 || got.m["ok"] != true {
		t.Fatalf("answer = %d %s", got.status, got.body)
	}
	row := w.actions[0]
	if row.Details != `{"pid":1}` || row.StartedAt.Unix() != 1700000000 || row.ID == "" || w.audit[0].By != "local" {
		t.Errorf("row = %+v, audit %+v", row, w.audit[0])
	}
	if got := b.do("GET", "/actions", ""); !strings.HasPrefix(got.body, `{"actions":[{"id":"`) {
		t.Errorf("list = %s", got.body)
	}
	b.do("POST", "/actions", `{"target":"","action":"restart","status":"x"}`).want(t, 422, "action_invalid")
	b.do("POST", "/actions", `{"target":"web","action":"restart","status":"x","started_at":"noon"}`).want(t, 422, "action_invalid")
}

func TestAuth_RoutesAreAllowedByID(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, func(o *httpd.Options) { o.Auth = reader{} })
	if got := b.do("GET", "/query", "", "Authorization", "bearer r"); got.status != 200 {
		t.Errorf("reader's query = %d %s", got.status, got.body)
	}
	b.do("POST", "/ingest", "{}", "Authorization", "Bearer r").want(t, 403, "forbidden")
	b.do("GET", "/query", "", "Authorization", "Bearer other").want(t, 404, "not_found")
	b.do("GET", "/query", "", "Authorization", "Basic cjpy").want(t, 401, "credential_unsupported")
	got := b.do("GET", "/query", "")
	got.want(t, 401, "credential_missing")
	if got.header.Get("WWW-Authenticate") != "Bearer" {
		t.Error("no WWW-Authenticate")
	}
	if len(w.asked) != 0 {
		t.Error("a refused request reached its handler")
	}
}

// reader knows the tokens r and other; both may query only.
type reader struct{}

func (reader) Principal(_ context.Context, c httpd.Credential) (flow.Principal, error) {
	switch c.Token {
	case "r":
		return flow.Principal{Name: "reader", Tenant: "default"}, nil
	case "other":
		return flow.Principal{Name: "stranger", Tenant: "other"}, nil
	}
	return flow.Principal{}, vigil.Errorf(vigil.Unauthorised, "credential_missing", "who are you?")
}

func (reader) Allow(_ context.Context, _ flow.Principal, route string) error {
	if route != "query" {
		return vigil.Errorf(vigil.Unauthorised, "forbidden", "may not")
	}
	return nil
}

func TestAuth_EveryRouteButHealthAsksForAPrincipal(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), func(o *httpd.Options) { o.Auth = nobody{} })
	for _, r := range httpd.Routes() {
		if r.ID == "remediate" {
			continue // the remediator's
		}
		path := strings.NewReplacer("{", "", "}", "").Replace(r.Path)
		got := b.do(r.Method, path, "")
		open := r.ID == "livez" || r.ID == "readyz" || r.ID == "healthz"
		said := strings.Contains(got.body, "nobody") && got.status == 401 // OTLP's errors are no problems
		if open != (got.status == 200) || (!open && !said) {
			t.Errorf("%s %s (%s) = %d %s", r.Method, path, r.ID, got.status, got.body)
		}
	}
}

type nobody struct{}

func (nobody) Principal(_ context.Context, c httpd.Credential) (flow.Principal, error) {
	if c.Remote != netip.MustParseAddr("127.0.0.1") {
		return flow.Principal{}, errors.New("the address got lost")
	}
	return flow.Principal{}, vigil.Errorf(vigil.Unauthorised, "nobody", "nobody may")
}

func (nobody) Allow(context.Context, flow.Principal, string) error {
	return errors.New("asked in vain")
}

func TestOpenAPI_HoldsEveryRoute(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	got := b.do("GET", "/openapi.json", "")
	if got.m["openapi"] != "3.1.0" {
		t.Fatalf("document = %.200s", got.body)
	}
	paths, _ := got.m["paths"].(map[string]any)
	ids := map[string]bool{}
	for _, r := range httpd.Routes() {
		if ids[r.ID] || r.Says == "" {
			t.Errorf("route %s stands twice or says nothing", r.ID)
		}
		ids[r.ID] = true
		if r.ID == "openapi" || r.ID == "remediate" {
			continue
		}
		item, _ := paths[r.Path].(map[string]any)
		if item[strings.ToLower(r.Method)] == nil {
			t.Errorf("%s %s is not in the document", r.Method, r.Path)
		}
	}
	if strings.Contains(got.body, "ErrorModel") {
		t.Error("the document tells of an error model that is not ours")
	}
}

func TestTenant_PartsThatAreMissingSaySo(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), func(o *httpd.Options) {
		o.Tenants = func(string) (httpd.Tenant, bool) { return httpd.Tenant{}, true }
	})
	for _, r := range httpd.Routes() {
		if !strings.HasPrefix(r.Path, "/api/") && r.ID != "ingest" && r.ID != "query" && r.ID != "actions.list" {
			continue
		}
		path := strings.NewReplacer("{", "", "}", "").Replace(r.Path)
		body := "{}"
		if r.ID == "write.prometheus" {
			body = string(snappy.Encode(nil, []byte(body)))
		}
		got := b.do(r.Method, path, body)
		if r.ID == "write.influx2" {
			got.header.Set("Content-Type", "application/problem+json") // its own: TestInflux_…
		}
		got.want(t, 404, "not_available")
	}
}

func TestHealth_SaysWhatItIs(t *testing.T) {
	t.Parallel()
	var why error
	b := start(t, newWorld(), func(o *httpd.Options) {
		o.Ready = func(context.Context) error { return why }
		o.Metrics = func() (string, []byte) { return "text/plain; version=0.0.4", []byte("vigil_up 1\n") }
	})
	if got := b.do("GET", "/healthz", ""); got.m["version"] != "1.2.3" || got.m["role"] != "collector" {
		t.Errorf("healthz = %s", got.body)
	}
	if got := b.do("GET", "/metrics", ""); got.body != "vigil_up 1\n" || got.header.Get("Content-Type") != "text/plain; version=0.0.4" {
		t.Errorf("metrics = %s %v", got.body, got.header)
	}
	why = errors.New("secret")
	b.do("GET", "/readyz", "").want(t, 503, "not_ready")
	why = vigil.Errorf(vigil.Unavailable, "storage_failed", "the disk is gone")
	b.do("GET", "/readyz", "").want(t, 503, "storage_failed")
	if got := b.do("GET", "/livez", ""); got.status != 200 {
		t.Errorf("livez = %d", got.status)
	}
}
