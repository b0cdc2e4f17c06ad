package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func against(t *testing.T, opt client.Options, h http.HandlerFunc) *client.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL+"/", opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestNew_RefusesWhatIsNoServer(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "127.0.0.1:8000", "ftp://host", "http://", "http://user:pass@host", "http://host?x=1", "http://h\x00"} {
		if _, err := client.New(bad, client.Options{}); vigil.CodeOf(err) != "server_invalid" {
			t.Errorf("New(%q) = %v", bad, err)
		}
	}
}

func TestClient_SaysWhoItIs(t *testing.T) {
	t.Parallel()
	c := against(t, client.Options{Token: "vgl_t", UserAgent: "vigil-agent/1"}, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer vgl_t" || r.UserAgent() != "vigil-agent/1" || r.URL.Path != "/readyz" {
			t.Errorf("request = %s %v", r.URL, r.Header)
		}
	})
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClient_ReadsEveryKindOfRefusal(t *testing.T) {
	t.Parallel()
	var status int
	var body string
	c := against(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	f := func(s int, b string, kind vigil.Kind, code string) {
		t.Helper()
		status, body = s, b
		err := c.Ready(t.Context())
		if vigil.KindOf(err) != kind || vigil.CodeOf(err) != code {
			t.Errorf("%d %s = kind %d code %s, want %d %s", s, b, vigil.KindOf(err), vigil.CodeOf(err), kind, code)
		}
	}
	f(400, `{"code":"json_invalid","detail":"x"}`, vigil.Invalid, "json_invalid")
	f(401, `{"code":"credential_missing"}`, vigil.Unauthorised, "credential_missing")
	f(403, `{"code":"forbidden"}`, vigil.Unauthorised, "forbidden")
	f(404, `{"code":"not_found"}`, vigil.NotFound, "not_found")
	f(409, `{"code":"held"}`, vigil.Held, "held")
	f(409, `{"code":"fence_stale"}`, vigil.Conflict, "fence_stale")
	f(413, `{"code":"body_too_large"}`, vigil.TooLarge, "body_too_large")
	f(415, `{"code":"encoding_unsupported"}`, vigil.Unsupported, "encoding_unsupported")
	f(429, `{"code":"series_limit"}`, vigil.Busy, "series_limit")
	f(500, `{"code":"internal"}`, vigil.Internal, "internal")
	f(503, `{"code":"storage_failed"}`, vigil.Unavailable, "storage_failed")
	f(504, `{"code":"timeout"}`, vigil.Timeout, "timeout")
	f(502, `<html>proxy</html>`, vigil.Unavailable, "http_502")
	f(418, `[]`, vigil.Invalid, "http_418")
	f(302, ``, vigil.Invalid, "http_302")
}

func TestClient_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	c := against(t, client.Options{Token: "vgl_t"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if err := c.Ready(t.Context()); vigil.CodeOf(err) != "http_307" {
		t.Errorf("redirect = %v", err)
	}
}

func TestClient_BoundsTimeAndAnswers(t *testing.T) {
	t.Parallel()
	c := against(t, client.Options{Timeout: 20 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // ends with the client's patience, or never begins
	})
	if err := c.Ready(t.Context()); vigil.KindOf(err) != vigil.Timeout {
		t.Errorf("slow server = %v", err)
	}
	c = against(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		chunk := strings.Repeat(" ", 1<<20)
		for range 65 {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	})
	if _, err := c.Remediators(t.Context()); vigil.CodeOf(err) != "answer_too_large" {
		t.Errorf("endless answer = %v", err)
	}
	c = against(t, client.Options{}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "no JSON") })
	if _, err := c.Remediators(t.Context()); vigil.CodeOf(err) != "answer_invalid" {
		t.Errorf("junk answer = %v", err)
	}
}
