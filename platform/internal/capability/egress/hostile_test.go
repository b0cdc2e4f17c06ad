package egress

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// A38: however an address is written, and whatever a name resolves to.
func TestA38_AddressesOfTheHostItselfAreNotDialled(t *testing.T) {
	t.Parallel()
	p := newPeer(t, ok)
	resolver := nameServer(t, map[string]string{
		"rebound.example.": "127.0.0.1", "mapped.example.": "::ffff:127.0.0.1", "sixth.example.": "::1", "metadata.example.": "169.254.169.254",
		"localhost.": "127.0.0.1", "zero.example.": "0.0.0.0", "inner.example.": "10.0.0.1", "nat64.example.": "64:ff9b::7f00:1",
	})
	f := func(host string, allowPrivate bool) {
		t.Helper()
		s := one(t, Config{URL: "http://" + host + p.port(), AllowPrivate: allowPrivate, Timeout: vigil.Duration(5 * time.Second)}, resolver)
		_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"})
		wantCode(t, host, err, "egress_denied")
	}
	for _, host := range []string{
		"127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "localhost", "localhost.", "LOCALHOST",
		"0x7f.1", "127.1", "2130706433", "0177.0.0.1", "0x7f000001", "127.0.0.01",
		"rebound.example", "rebound.example.", "mapped.example", "sixth.example", "inner.example", "nat64.example",
		"10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "[fc00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
	} {
		f(host, false)
	}
	for _, host := range []string{
		"169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[fe80::1%25lo]", "0.0.0.0", "[::]", "224.0.0.1", "[ff02::1]",
		"100.100.100.200", "168.63.129.16", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "metadata.example", "zero.example", "0x7f.1", "255.255.255.255",
	} {
		f(host, true)
		f(host, false)
	}
	if n := p.connections.Load(); n != 0 {
		t.Errorf("%d connections reached the host itself", n)
	}
	// The peer was there to be reached: the same names lead to it where they may.
	s := one(t, Config{URL: "http://rebound.example" + p.port(), AllowPrivate: true}, resolver)
	if reply, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"}); err != nil || string(reply.Body) != "ok" {
		t.Errorf("allowed endpoint answered %+v, %v", reply, err)
	}
}

func TestA38_ConfigurationRefusesWhatIsNeverDialled(t *testing.T) {
	t.Parallel()
	f := func(url string, allowPrivate bool) {
		t.Helper()
		err := Config{URL: url, AllowPrivate: allowPrivate}.Check("e")
		wantCode(t, url, err, "endpoint_invalid")
		if err != nil && vigil.AsError(err).Fields["field"] != "url" {
			t.Errorf("%s: error names field %v, want url", url, vigil.AsError(err).Fields["field"])
		}
	}
	f("http://a@b", true)
	f("http://a:b@c", true)
	f("http://127.0.0.1", false)
	f("http://169.254.169.254", true)
	f("http://[::ffff:169.254.169.254]", true)
	f("http://0x7f.1", true)
	f("http://2130706433", true)
	f("https://x/?q=1", true)
	f("https://x/#f", true)
	f("https://x/a/../b", true)
	f("https://x/%2e%2e/b", true)
	f("file:///etc/passwd", true)
	f("unix:///run/docker.sock", true)
	f("//x", true)
	f("", true)
}

func TestJudge_KnowsTheNetworks(t *testing.T) {
	t.Parallel()
	for is, addrs := range map[reach][]string{
		public:  {"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "169.253.0.1"},
		private: {"127.0.0.1", "10.0.0.1", "172.31.255.255", "192.168.1.1", "100.127.0.1", "::1", "fd12::1", "2002:101:101::", "64:ff9b::101:101", "198.19.0.1", "2001:0:101:101::", "::1.1.1.1"},
		never:   {"169.254.1.1", "fe80::1", "0.0.0.0", "0.1.2.3", "::", "239.1.1.1", "ff05::2", "255.255.255.255", "2002:a9fe:1::", "64:ff9b:1::e000:1", "::169.254.1.1"},
	} {
		for _, a := range addrs {
			if got := judge(netip.MustParseAddr(a)); got != is {
				t.Errorf("judge(%s) = %d, want %d", a, got, is)
			}
		}
	}
}

// A39: a redirect is an answer.
func TestA39_RedirectIsReturnedAndNotFollowed(t *testing.T) {
	t.Parallel()
	other := newPeer(t, ok)
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := newPeer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL+"/latest/meta-data")
			w.WriteHeader(status)
		})
		s := checked(t, Config{URL: p.URL, AllowPrivate: true, Methods: []string{"POST"}, BearerTokenFile: secretFile(t, "t0ken-of-the-host")})
		reply, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Method: "POST", Body: vigil.Body("x")})
		if err != nil || reply.Status != status || reply.Header["Location"] != other.URL+"/latest/meta-data" {
			t.Errorf("reply = %+v, %v; want %d with its Location", reply, err, status)
		}
	}
	if n := other.connections.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// A40: headers, sizes, time, proxies.
func TestA40_HeadersThatSpeakForTheHostAreDenied(t *testing.T) {
	t.Parallel()
	p := newPeer(t, ok)
	s := checked(t, Config{
		URL: p.URL, AllowPrivate: true, RequestHeaders: []string{"X-Tenant"},
		HeaderFiles: map[string]string{"X-Api-Key": secretFile(t, "k3y-of-the-host\n")}, BearerTokenFile: secretFile(t, "t0ken-of-the-host"),
	})
	f := func(name, value string) {
		t.Helper()
		_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Header: map[string]string{name: value}})
		wantCode(t, name+": "+value, err, "header_denied")
	}
	f("X-Tenant", "a\r\nHost: evil")
	f("X-Tenant", "a\nX: y")
	f("X-Tenant", "a\x00")
	f("X-Tenant", strings.Repeat("a", maxHeader+1))
	f("X-Tenant\r\nHost", "evil")
	f("X-Tenant:", "evil")
	f("", "evil")
	for _, name := range []string{
		"Host", "host", "HOST", "Authorization", "authorization", "Cookie", "Proxy-Authorization", "Proxy-Anything", "Connection", "Keep-Alive", "TE",
		"Trailer", "Transfer-Encoding", "transfer-encoding", "Upgrade", "Content-Length", "Expect", "X-Forwarded-Host", "X-Forwarded-For", "Forwarded",
		"X-HTTP-Method-Override", "X-Original-URL", "User-Agent", "X-Api-Key", "x-api-key", "X-Other",
	} {
		f(name, "x")
	}
	if n := p.connections.Load(); n != 0 {
		t.Errorf("%d connections were made for refused headers", n)
	}
	twice := map[string]string{"X-Tenant": "a", "x-tenant": "b"}
	_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Header: twice})
	wantCode(t, "twice", err, "header_denied")

	reply, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Header: map[string]string{"x-tenant": "blue", "accept": "text/plain"}})
	if err != nil || reply.Status != 200 {
		t.Fatalf("reply = %+v, %v", reply, err)
	}
	h := p.last(t).Header
	for name, want := range map[string]string{"X-Tenant": "blue", "Accept": "text/plain", "Authorization": "Bearer t0ken-of-the-host", "X-Api-Key": "k3y-of-the-host"} {
		if got := h.Get(name); got != want {
			t.Errorf("%s arrived as %q, want %q", name, got, want)
		}
	}
}

func TestA40_ConfigurationHandsNoReservedHeaderToGuests(t *testing.T) {
	t.Parallel()
	for _, h := range []string{"Host", "authorization", "Cookie", "X-Forwarded-For", "Connection", "a b", ""} {
		err := Config{URL: "https://x", RequestHeaders: []string{h}}.Check("e")
		wantCode(t, h, err, "endpoint_invalid")
	}
}

func TestA40_ResponsesHaveABound(t *testing.T) {
	t.Parallel()
	f := func(what, code string, h http.HandlerFunc) {
		t.Helper()
		p := newPeer(t, h)
		s := checked(t, Config{URL: p.URL, AllowPrivate: true, Timeout: vigil.Duration(20 * time.Second)})
		reply, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"})
		wantCode(t, what, err, code)
		if err == nil && len(reply.Body) != MaxReply {
			t.Errorf("%s: %d bytes arrived", what, len(reply.Body))
		}
	}
	body := strings.Repeat("a", MaxReply)
	f("the most", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	f("one byte more", "http_response_too_large", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body+"a") })
	f("a length that is announced", "http_response_too_large", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "10000000000") })
	f("without end", "http_response_too_large", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, body); err != nil {
				return
			}
		}
	})
	f("a header without end", "http_failed", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Big", body) })
	f("packed, and left so", "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, body)
	})
}

func TestA40_SlowResponsesEndAtTheDeadline(t *testing.T) {
	t.Parallel()
	f := func(what string, h http.HandlerFunc) {
		t.Helper()
		p := newPeer(t, h)
		s := checked(t, Config{URL: p.URL, AllowPrivate: true, Timeout: vigil.Duration(200 * time.Millisecond)})
		start := time.Now()
		_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"})
		wantCode(t, what, err, "http_timeout")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %s", what, took)
		}
	}
	f("no header", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f("a byte now and then", func(w http.ResponseWriter, r *http.Request) {
		every := time.NewTicker(10 * time.Millisecond)
		defer every.Stop()
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("a"))
			_ = http.NewResponseController(w).Flush()
			<-every.C
		}
	})
}

func TestA40_NoProxyOfTheEnvironmentIsAsked(t *testing.T) {
	proxy := newPeer(t, ok)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	p := newPeer(t, ok)
	s := one(t, Config{URL: "http://peer.example" + p.port(), AllowPrivate: true}, nameServer(t, map[string]string{"peer.example.": "127.0.0.1"}))
	if _, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"}); err != nil {
		t.Fatal(err)
	}
	if proxy.connections.Load() != 0 || p.connections.Load() != 1 {
		t.Errorf("%d connections to the proxy, %d to the endpoint; want 0 and 1", proxy.connections.Load(), p.connections.Load())
	}
	if got := p.last(t).Host; got != "peer.example"+p.port() {
		t.Errorf("Host = %q, want the endpoint's", got)
	}
}

func TestPaths_StayBelowThePrefix(t *testing.T) {
	t.Parallel()
	p := newPeer(t, ok)
	s := checked(t, Config{URL: p.URL + "/base", AllowPrivate: true, Path: "/hooks/"})
	for _, path := range []string{
		"", "/", "/hook", "/hooksx", "/Hooks", "/hooks/..", "/hooks/../admin", "/hooks/./x", "/hooks/%2e%2e/admin", "/hooks/%2E./admin", "/hooks/%2fadmin",
		"/hooks//evil.example", "//evil.example/hooks", "///hooks", `/hooks\..\admin`, `\\evil.example\hooks`, "/hooks/..;/admin", "/hooks/..;x=y/admin",
		"/hooks/.;/x", "hooks", "http://evil.example/hooks", "@evil.example/hooks", "/hooks/x?y=z", "/hooks/x#y", "/hooks/\r\nHost: evil", "/hooks/a b",
		"/hooks/\x00", "/hooks/é", "/hooks/．．/x", "/hooks/" + strings.Repeat("a", maxPath),
	} {
		_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Path: path})
		wantCode(t, path, err, "http_path_denied")
	}
	if n := p.connections.Load(); n != 0 {
		t.Errorf("%d connections were made for refused paths", n)
	}
	for path, want := range map[string]string{
		"/hooks": "/base/hooks?", "/hooks/": "/base/hooks/?", "/hooks/a@b:c;d=e/f...": "/base/hooks/a@b:c;d=e/f...?",
	} {
		if _, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Path: path, Query: map[string][]string{"q": {"a b&c=d#e", "2"}}}); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := p.last(t).RequestURI; got != want+"q=a+b%26c%3Dd%23e&q=2" {
			t.Errorf("%s arrived as %s", path, got)
		}
	}
	_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Path: "/hooks", Query: map[string][]string{"q": {strings.Repeat("a", maxQuery)}}})
	wantCode(t, "long query", err, "http_query_too_large")
}

func TestMethods_AreThoseOfTheEndpoint(t *testing.T) {
	t.Parallel()
	p := newPeer(t, ok)
	s := checked(t, Config{URL: p.URL, AllowPrivate: true, Methods: []string{"GET", "POST"}})
	for _, m := range []string{"PUT", "DELETE", "get", "CONNECT", "TRACE", "GET /x HTTP/1.1\r\nHost: evil\r\n\r\n", "G ET"} {
		_, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Method: m})
		wantCode(t, m, err, "http_method_denied")
	}
	if n := p.connections.Load(); n != 0 {
		t.Errorf("%d connections were made for refused methods", n)
	}
	for _, m := range []string{"TRACE", "CONNECT", "post", ""} {
		wantCode(t, m, Config{URL: "https://x", Methods: []string{m}}.Check("e"), "endpoint_invalid")
	}
}

func TestDo_NothingLeavesUnlessItMay(t *testing.T) {
	t.Parallel()
	p := newPeer(t, ok)
	s := checked(t, Config{URL: p.URL, AllowPrivate: true})
	lost := errors.New("lease lost")
	if _, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"}, func() error { return nil }, func() error { return lost }); !errors.Is(err, lost) {
		t.Errorf("error = %v, want the one that stood in the way", err)
	}
	dry, err := s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", DryRun: true}, func() error { t.Error("a dry run spends nothing"); return nil })
	if err != nil || !dry.DryRun || dry.Status != 0 {
		t.Errorf("dry run = %+v, %v", dry, err)
	}
	_, err = s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Method: "PUT", DryRun: true})
	wantCode(t, "dry run of what is refused", err, "http_method_denied")
	if n := p.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	_, err = s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "other"})
	wantCode(t, "unknown", err, "endpoint_unknown")
	if err != nil && !strings.Contains(err.Error(), "have: e") {
		t.Errorf("error = %v, want the known ones named", err)
	}
	_, err = s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e", Body: vigil.Body("x")})
	wantCode(t, "GET with a body", err, "request_invalid")
	p.Close()
	_, err = s.Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"})
	wantCode(t, "nobody there", err, "http_failed")
}
