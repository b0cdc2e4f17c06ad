package egress

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestDo_CredentialStaysOnTheHost(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(w http.ResponseWriter, r *http.Request) { // an endpoint that tells all it was told
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, user+" "+password+" "+r.Header.Get("X-Api-Key")+" "+string(body))
	})
	file := secretFile(t, "p4ssw0rd\n")
	s := checked(t, Config{
		URL: p.URL, AllowPrivate: true, Methods: []string{"POST"}, Basic: Basic{User: "vigil", PasswordFile: file},
		HeaderFiles: map[string]string{"x-api-key": secretFile(t, "k3y-of-the-host")},
	})
	ask := vigil.HTTPRequest{Endpoint: "e", Method: "POST", Body: vigil.Body("hello")}
	reply, err := s.Do(t.Context(), ask)
	if err != nil || string(reply.Body) != "vigil [redacted] [redacted] hello" || reply.Header["X-Echo"] != "Basic [redacted]" {
		t.Errorf("reply = %+v with body %q, %v; want no secret in it", reply, reply.Body, err)
	}
	if _, there := reply.Header["Set-Cookie"]; there {
		t.Error("a cookie was handed on")
	}
	if got := s.Secrets(); len(got) != 3 {
		t.Errorf("Secrets() = %d values, want password, pair and key", len(got))
	}

	if err := os.WriteFile(file, []byte("an0ther"), 0o600); err != nil { // the operator changes it
		t.Fatal(err)
	}
	if _, err := s.Do(t.Context(), ask); err != nil {
		t.Fatal(err)
	}
	if _, password, _ := p.last(t).BasicAuth(); password != "an0ther" {
		t.Errorf("password %q arrived, want the new one", password)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = s.Do(t.Context(), ask)
	wantCode(t, "secret gone", err, "credential_unreadable")
}

func TestDo_TrustsItsOwnAuthorityOnly(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a handshake is to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	doc := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	reply, err := checked(t, Config{URL: server.URL, AllowPrivate: true, CAFile: ca}).Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"})
	if err != nil || reply.Status != 200 {
		t.Errorf("reply = %+v, %v", reply, err)
	}
	_, err = checked(t, Config{URL: server.URL, AllowPrivate: true}).Do(t.Context(), vigil.HTTPRequest{Endpoint: "e"})
	wantCode(t, "another authority", err, "http_failed")
}

func TestCheck_NamesTheField(t *testing.T) {
	t.Parallel()
	f := func(name string, c Config, field string) {
		t.Helper()
		err := c.Check(name)
		if got, _ := vigil.AsError(err).Fields["field"].(string); vigil.CodeOf(err) != "endpoint_invalid" || got != field {
			t.Errorf("Check(%q, %+v) = %v with field %q, want %q", name, c, err, got, field)
		}
	}
	const url = "https://billing.example"
	f("a b", Config{URL: url}, "name")
	f("a@h", Config{URL: url}, "name")
	f("e", Config{URL: url, Path: "hooks"}, "path")
	f("e", Config{URL: url, Path: "/a/../b"}, "path")
	f("e", Config{URL: url, Timeout: longestTimeout + 1}, "timeout")
	f("e", Config{URL: url, BearerTokenFile: "token"}, "bearer_token_file")
	f("e", Config{URL: url, BearerTokenFile: "/nowhere/token"}, "bearer_token_file")
	f("e", Config{URL: url, BearerTokenFile: "/nowhere/token", Basic: Basic{User: "u"}}, "basic")
	f("e", Config{URL: url, Basic: Basic{User: "a:b"}}, "basic")
	f("e", Config{URL: url, Basic: Basic{User: "u", PasswordFile: "/nowhere"}}, "basic")
	f("e", Config{URL: url, HeaderFiles: map[string]string{"Host": secretFile(t, "x")}}, "header_files")
	f("e", Config{URL: url, HeaderFiles: map[string]string{"X-Key": "/nowhere"}}, "header_files")
	f("e", Config{URL: url, CAFile: "/nowhere"}, "ca_file")
	f("e", Config{URL: url, CAFile: secretFile(t, "no pem")}, "ca_file")
	if err := (Config{URL: url, Path: "/hooks", BearerTokenFile: secretFile(t, "x")}).Check("billing"); err != nil {
		t.Errorf("a good endpoint: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("/hooks/x", "GET", "Accept", "a", "k", "v")
	f.Add("/hooks/..;/x", "POST", "Host", "evil", "", "")
	f.Add("//evil.example/hooks", "GET", "X-Tenant", "a\r\nb", "a&b", "c#d")
	e, err := newEndpoint("e", Config{URL: "https://good.example:8443/base", Path: "/hooks", Methods: []string{"GET", "POST"}, RequestHeaders: []string{"X-Tenant"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, at, method, name, value, key, q string) {
		ask := vigil.HTTPRequest{Method: method, Path: at, Header: map[string]string{name: value}, Query: map[string][]string{key: {q}}}
		req, err := e.request(t.Context(), ask)
		if err != nil {
			return
		}
		var wire strings.Builder
		if err := req.Write(&wire); err != nil {
			t.Fatalf("%+v was let through and cannot be sent: %v", ask, err)
		}
		line, rest, _ := strings.Cut(wire.String(), "\r\n")
		word := strings.Split(line, " ")
		if len(word) != 3 || word[0] != "GET" && word[0] != "POST" || word[2] != "HTTP/1.1" {
			t.Fatalf("%+v became %q", ask, line)
		}
		plain, _, _ := strings.Cut(word[1], "?")
		if clean := path.Clean(plain); clean != strings.TrimSuffix(plain, "/") || !below(clean, "/base/hooks") {
			t.Errorf("%+v leads to %q", ask, word[1])
		}
		if req.URL.Host != "good.example:8443" || strings.Count(rest, "Host: ") != 1 && !strings.Contains(value, "Host: ") || !strings.HasPrefix(rest, "Host: good.example:8443\r\n") {
			t.Errorf("%+v goes to %q", ask, rest)
		}
	})
}
