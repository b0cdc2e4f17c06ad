package httpd_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// door is an Auth that lets nobody in, for a reason.
type door struct{ why error }

func (d door) Principal(context.Context, httpd.Credential) (flow.Principal, error) {
	return flow.Principal{}, d.why
}

func (d door) Allow(context.Context, flow.Principal, string) error { return nil }

// TestPrometheus_FailsInPrometheusForm: readers below /prometheus know no
// problem+json, whoever refuses them.
func TestPrometheus_FailsInPrometheusForm(t *testing.T) {
	t.Parallel()
	f := func(why error, method, path string, status int, kind, code string) {
		t.Helper()
		b := start(t, newWorld(), func(o *httpd.Options) {
			if why != nil {
				o.Auth = door{why}
			}
		})
		got := b.do(method, path, "")
		if got.status != status || got.m["status"] != "error" || got.m["errorType"] != kind || got.m["code"] != code || got.m["error"] == "" || got.m["request_id"] == "" {
			t.Errorf("%s %s = %d %s, want %d %s %s", method, path, got.status, got.body, status, kind, code)
		}
		if ct := got.header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s %s: Content-Type = %q", method, path, ct)
		}
	}
	const query = "/prometheus/api/v1/query?query=up"
	f(nil, "GET", "/prometheus/api/v1/nothing", 404, "not_found", "not_found")
	f(nil, "GET", "/prometheus/", 404, "not_found", "not_found")
	f(nil, "GET", "/prometheus/api//v1/query", 404, "not_found", "not_found")
	f(nil, "DELETE", query, 405, "bad_data", "method_not_allowed")
	f(nil, "GET", query, 404, "not_found", "not_available")
	f(context.DeadlineExceeded, "GET", query, 503, "timeout", "timeout")
	f(vigil.Errorf(vigil.Unauthorised, "credential_missing", "who are you?"), "GET", query, 401, "bad_data", "credential_missing")
	f(vigil.Errorf(vigil.Busy, "queries_busy", "later"), "GET", query, 429, "unavailable", "queries_busy")
	f(errors.New("a secret"), "GET", query, 500, "internal", "internal")
}

// oracle is a Prometheus that tells what it was asked.
type oracle struct{ endpoint, label string }

func (a *oracle) Answer(_ context.Context, endpoint, label string, _ url.Values) (int, []byte) {
	a.endpoint, a.label = endpoint, label
	return 200, []byte(`{"status":"success","data":[]}`)
}

func TestPrometheus_ReadsALabelFromThePath(t *testing.T) {
	t.Parallel()
	var a oracle
	b := start(t, newWorld(), func(o *httpd.Options) {
		o.Tenants = func(string) (httpd.Tenant, bool) { return httpd.Tenant{Prometheus: &a}, true }
	})
	for path, want := range map[string]string{"host": "host", "http%2Estatus": "http.status", "a%20b": "a b", "U__a_2e_b": "U__a_2e_b"} {
		if got := b.do("GET", "/prometheus/api/v1/label/"+path+"/values", ""); got.status != 200 || a.endpoint != "label_values" || a.label != want {
			t.Errorf("%s = %d %s, asked for %q, want %q", path, got.status, got.body, a.label, want)
		}
	}
}
