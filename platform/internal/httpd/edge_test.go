package httpd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
)

func TestEdge_RefusesAmbiguousFramingWithOneAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	smuggled := "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
	f := func(name, request string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.raw(request + smuggled)
			if !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Count(got, "HTTP/1.1 ") != 1 {
				t.Fatalf("answers to %q:\n%s\nwant one 400 and a closed connection", request, got)
			}
			if !strings.Contains(got, `"code":"request_malformed"`) || !strings.Contains(got, "Connection: close") {
				t.Errorf("answer = %s", got)
			}
		})
	}
	post := "POST /ingest HTTP/1.1\r\nHost: localhost\r\n"
	f("length-and-chunked", post+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f("chunked-and-length", post+"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")
	f("identity-and-length", post+"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n")
	f("identity", post+"Transfer-Encoding: identity\r\n\r\n")
	f("chunked-twice", post+"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f("chunked-list", post+"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")
	f("chunked-obscured", post+"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")
	f("chunked-in-1.0", "POST /ingest HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	f("space-before-colon", post+"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")
	f("length-twice", post+"Content-Length: 0\r\nContent-Length: 0\r\n\r\n")
	f("length-signed", post+"Content-Length: +0\r\n\r\n")
	f("two-hosts", "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")
	f("obsolete-fold", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n")
	f("bare-lf", "GET /livez HTTP/1.1\nHost: localhost\n\n")
	f("absolute-target", "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	f("no-host", "GET /livez HTTP/1.1\r\n\r\n")
	f("nul-in-value", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\x00b\r\n\r\n")
}

func TestEdge_AnswersPipelinedRequestsInOrder(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	one := "POST /ingest HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
	last := "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	if got := b.raw(one + last); strings.Count(got, "HTTP/1.1 200 ") != 2 {
		t.Errorf("answers = %s, want two", got)
	}
}

func TestEdge_NeverEchoesTheRequest(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	got := b.raw("GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer vgl_secret\r\nbroken header\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Fatalf("answer = %s, want 400", got)
	}
	if all := got + b.log.String(); strings.Contains(all, "vgl_secret") || strings.Contains(all, "broken header") {
		t.Errorf("the request leaked into %s", all)
	}
}

func TestEdge_RefusesLargeHeaders(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	f := func(request string) {
		t.Helper()
		if got := b.raw(request); !strings.HasPrefix(got, "HTTP/1.1 431 ") || !strings.Contains(got, "header_too_large") {
			t.Errorf("answer = %.200s, want 431", got)
		}
	}
	f("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("a", 9<<10) + "\r\n\r\n")
	f("GET /livez HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-A: b\r\n", 2000) + "\r\n")
	f("GET /" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

func TestEdge_ClosesSlowRequests(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), func(o *httpd.Options) { o.Limits.Read = 50 * time.Millisecond })
	f := func(begun string) {
		t.Helper()
		if got := b.raw(begun); !strings.Contains(got, "HTTP/1.1 408 ") || !strings.Contains(got, "request_timeout") {
			t.Errorf("answer to %q = %q, want 408", begun, got)
		}
	}
	f("GET /livez HTTP/1.1\r\nHost: local")
	f("POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	f("POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 10<<10))
	f("POST /ingest HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
}

func TestEdge_ReachesNoHandlerByADisguisedPath(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	f := func(path string) {
		t.Helper()
		got := b.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 404 ") || !strings.Contains(got, `"code":"not_found"`) {
			t.Errorf("GET %s = %s, want 404", path, got)
		}
	}
	f("/LIVEZ")
	f("/livez/")
	f("//livez")
	f("//localhost/livez")
	f("/x/../livez")
	f("/./livez")
	f("/%6civez")
	f("/api/v1/policies/%2e%2e")
	f("/api/v1/policies/..")
	f("/api/v1/policies/a%2fb")
	f("/api/v1/policies/a%00b")
	f("/api/v1/policies/a;b")
	f("/api/v1/policies/a%5cb")
	f("/api/v1/POLICIES")
	f("/api/v1/nothing")
	f("/")
	f("/console")
}

func TestEdge_KnowsMethods(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	got := b.do("DELETE", "/ingest", "")
	got.want(t, 405, "method_not_allowed")
	if got.header.Get("Allow") != "POST" {
		t.Errorf("Allow = %q, want POST", got.header.Get("Allow"))
	}
	b.do("BREW", "/ingest", "").want(t, 501, "method_unknown")
	if got := b.do("HEAD", "/livez", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD /livez = %+v", got)
	}
}

func TestEdge_AnswersOnlyToItsOwnNames(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), func(o *httpd.Options) { o.Hosts = []string{"localhost", "127.0.0.1", "::1", "vigil.lan"} })
	f := func(host string, want int) {
		t.Helper()
		if got := b.do("GET", "/query", "", "Host", host); got.status != want {
			t.Errorf("Host %s = %d %s, want %d", host, got.status, got.body, want)
		}
	}
	f("localhost", 200)
	f("LOCALHOST:8000", 200)
	f("[::1]:8000", 200)
	f("vigil.lan:1", 200)
	f("evil.example", 421)
	f("localhost.evil.example", 421)
	f("127.0.0.1.nip.io:8000", 421)
	f("0.0.0.0:8000", 421)
	b.do("GET", "/livez", "", "Host", "evil.example").want(t, 421, "host_not_allowed")
	got := b.do("GET", "/query", "", "Host", "evil.example", "X-Forwarded-Host", "localhost")
	got.want(t, 421, "host_not_allowed")
}

func TestEdge_RefusesWritesFromOtherSites(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	f := func(want int, header ...string) {
		t.Helper()
		if got := b.do("POST", "/ingest", "{}", header...); got.status != want {
			t.Errorf("POST with %v = %d %s, want %d", header, got.status, got.body, want)
		}
	}
	f(200)
	f(200, "Origin", b.url)
	f(200, "Sec-Fetch-Site", "same-origin")
	f(200, "Sec-Fetch-Site", "none")
	f(403, "Origin", "http://evil.example")
	f(403, "Origin", "null")
	f(403, "Origin", "http://localhost:1")
	f(403, "Sec-Fetch-Site", "cross-site")
	f(403, "Sec-Fetch-Site", "same-site")
	f(403, "Sec-Fetch-Site", "cross-site", "Origin", b.url)
	b.do("PUT", "/api/v1/killswitch", `{"engaged":true}`, "Origin", "null").want(t, 403, "cross_origin")
	if got := b.do("GET", "/query", "", "Origin", "http://evil.example"); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("GET from elsewhere = %d %v, want an answer no page may read", got.status, got.header)
	}
}

func TestEdge_SurvivesAPanic(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	got := b.do("POST", "/ingest", "panic")
	got.want(t, 500, "internal")
	if strings.Contains(got.body, "secret-of-the-handler") || !strings.Contains(b.log.String(), "secret-of-the-handler") {
		t.Errorf("answer %s, log %s: want the panic in the log alone", got.body, b.log.String())
	}
	if got := b.do("GET", "/livez", ""); got.status != 200 {
		t.Errorf("GET /livez after a panic = %d", got.status)
	}
}

func TestEdge_ForwardingHeadersChangeNobody(t *testing.T) {
	t.Parallel()
	w := newWorld()
	b := start(t, w, nil)
	b.do("POST", "/ingest", "{}", "X-Forwarded-For", "203.0.113.9", "Forwarded", "for=203.0.113.9")
	if by := w.asked[0].By; by != (flow.Principal{Name: "local", Tenant: "default"}) {
		t.Errorf("principal = %+v, want local", by)
	}
}

func TestEdge_EveryAnswerCarriesItsHeaders(t *testing.T) {
	t.Parallel()
	b := start(t, newWorld(), nil)
	for _, path := range []string{"/livez", "/nothing", "/query", "/api/v1/policies"} {
		got := b.do("GET", path, "")
		if got.header.Get("X-Request-Id") == "" || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s header = %v", path, got.header)
		}
		if id := got.m["request_id"]; id != nil && id != got.header.Get("X-Request-Id") {
			t.Errorf("GET %s request_id %v differs from its header", path, id)
		}
	}
}
