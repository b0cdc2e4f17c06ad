package notify_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/notify"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// forged is a service whose name tries to be more than a name, wherever it may
// be written.
const forged = "web\r\nBcc: a@b\n.\r\n<!channel> <https://evil.example|here> \u202e</script>"

// contextUntil ends once something has come true, and fails the test when it
// does not.
func contextUntil(t *testing.T, done func() bool) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && !done() {
			<-tick.C
		}
		cancel()
	}()
	return ctx, cancel
}

// TestWebhook_IsSignedAsStandardWebhooks checks the signature as a receiver does:
// HMAC-SHA-256 over id, time and the bytes of the body.
func TestWebhook_IsSignedAsStandardWebhooks(t *testing.T) {
	t.Parallel()
	f := func(secret string, key []byte) {
		t.Helper()
		w, in := hooked(t, func(c *notify.Config) { c.SecretFile = file(t, secret) })
		w.happens(w.failed("rem-1", "web"))
		w.deliver("ops")
		got := in.letters(http.StatusOK)[0]
		id, at := got.header.Get("webhook-id"), got.header.Get("webhook-timestamp")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "." + string(got.body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.header.Get("webhook-signature") != want || at != "1772600767" {
			t.Errorf("signature %q at %s, want %q", got.header.Get("webhook-signature"), at, want)
		}
		var said struct {
			Type string
			Data map[string]any
		}
		if err := json.Unmarshal(got.body, &said); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"id": id, "verb": "trigger", "when": "failed", "key": "cpu-high|service:web", "policy": "cpu-high", "target": "service:web",
			"remediation": "rem-1", "episode": "ep-web", "summary": "service:web was not healed by service.restart", "detail": "exit 1", "needs_person": true,
		}
		if said.Type != "vigil.trigger" || !reflect.DeepEqual(said.Data, want) {
			t.Errorf("body %s, want %v", got.body, want)
		}
	}
	f("s3cret-key", []byte("s3cret-key"))
	f("whsec_"+base64.StdEncoding.EncodeToString([]byte("\x00\xffraw")), []byte("\x00\xffraw"))
}

// TestPagerDuty_GetsEventsOfItsV2API opens and closes one incident by its key.
func TestPagerDuty_GetsEventsOfItsV2API(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	w := newWorld(t, map[string]notify.Config{"pager": {Type: "pagerduty", URL: in.URL + "/v2/enqueue", RoutingKeyFile: file(t, "R0UT1NG"), AllowPrivate: true}})
	w.happens(w.failed("rem-1", "web"))
	w.ends(vigil.Episode{ID: "ep-web", Policy: "cpu-high"})
	w.deliver("pager")
	var events []map[string]any
	for _, l := range in.letters(http.StatusAccepted) {
		var e map[string]any
		if err := json.Unmarshal(l.body, &e); err != nil || l.path != "/v2/enqueue" {
			t.Fatal(err, l.path)
		}
		events = append(events, e)
	}
	want := []map[string]any{
		{
			"routing_key": "R0UT1NG", "event_action": "trigger", "dedup_key": "cpu-high|service:web", "client": "Vigil", "payload": map[string]any{
				"summary": "service:web was not healed by service.restart", "source": "service:web", "severity": "critical",
				"timestamp": "2026-03-04T05:06:07Z", "class": "failed",
				"custom_details": map[string]any{"detail": "exit 1", "policy": "cpu-high", "next": "vigil remediation show rem-1"},
			},
		},
		{"routing_key": "R0UT1NG", "event_action": "resolve", "dedup_key": "cpu-high|service:web", "client": "Vigil"},
	}
	if !reflect.DeepEqual(events, want) {
		t.Errorf("events %v\nwant   %v", events, want)
	}
}

// TestSlack_ShowsNamesAsText joins what waits, and no name becomes a link or calls
// a whole channel.
func TestSlack_ShowsNamesAsText(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	w := newWorld(t, map[string]notify.Config{"chat": {Type: "slack", URLFile: file(t, in.URL+"/services/T0/B0/s3cret"), AllowPrivate: true}})
	w.happens(w.failed("rem-1", forged))
	w.happens(w.failed("rem-2", "api"))
	w.deliver("chat")
	var said struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct{ Type, Text string }
		}
	}
	got := in.letters(http.StatusOK)
	if len(got) != 1 || got[0].path != "/services/T0/B0/s3cret" {
		t.Fatalf("letters %v, want one", got)
	}
	if err := json.Unmarshal(got[0].body, &said); err != nil {
		t.Fatal(err)
	}
	if said.Text != "2 messages, 2 of them need a person" || len(said.Blocks) != 1 || said.Blocks[0].Text.Type != "plain_text" {
		t.Errorf("body %s", got[0].body)
	}
	if text := said.Blocks[0].Text.Text; strings.ContainsAny(text, "\r\u202e") || !strings.Contains(text, "next: vigil remediation show rem-2") {
		t.Errorf("text %q", text)
	}
	w.happens(w.failed("rem-3", "<!channel>"))
	w.deliver("chat")
	if err := json.Unmarshal(in.letters(http.StatusOK)[1].body, &said); err != nil || strings.Contains(said.Text, "<!") {
		t.Errorf("fallback %q calls a whole channel", said.Text)
	}
}

func TestNtfy_PublishesAsJSON(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	w := newWorld(t, map[string]notify.Config{"phone": {Type: "ntfy", URL: in.URL, Topic: "vigil", TokenFile: file(t, "tk_1"), AllowPrivate: true}})
	w.happens(w.failed("rem-1", "web"))
	w.deliver("phone")
	got := in.letters(http.StatusOK)[0]
	var said map[string]any
	if err := json.Unmarshal(got.body, &said); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"topic": "vigil", "title": "Needs you: service:web was not healed by service.restart", "priority": 4.0,
		"message": "exit 1\npolicy: cpu-high\nnext: vigil remediation show rem-1",
	}
	if !reflect.DeepEqual(said, want) || got.header.Get("Authorization") != "Bearer tk_1" || got.path != "/" {
		t.Errorf("%s with %q to %s\nwant %v", got.body, got.header.Get("Authorization"), got.path, want)
	}
}

// post is an SMTP server on the wire: what it was told, and the letter.
type post struct {
	addr   string
	says   map[string]string // the answer to a command, instead of the usual one
	told   []string
	letter []byte
}

// newPost serves one conversation with STARTTLS and AUTH PLAIN.
func newPost(t *testing.T, secure *tls.Config) *post {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{addr: l.Addr().String(), says: map[string]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := l.Accept(); err == nil {
			p.serve(conn, secure)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return p
}

func (p *post) serve(conn net.Conn, secure *tls.Config) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	say := func(s string) { _, _ = io.WriteString(conn, s+"\r\n") }
	say("220 post ready")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		p.told = append(p.told, line)
		verb, _, _ := strings.Cut(line, " ")
		if answer, ok := p.says[verb]; ok {
			say(answer)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-post\r\n250-AUTH PLAIN\r\n250 STARTTLS")
		case "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, secure)
			r = bufio.NewReader(conn)
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 end with a dot")
			for {
				text, err := r.ReadString('\n')
				if err != nil || text == ".\r\n" {
					break
				}
				p.letter = append(p.letter, strings.TrimPrefix(text, ".")...)
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// certificate is a server's, and the file of the authority behind it.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, path
}

// TestMail_GoesOverTLSOnly sends one letter, with a password that is only told
// once the line is secure, and with a name in it that tries to add a header.
func TestMail_GoesOverTLSOnly(t *testing.T) {
	t.Parallel()
	secure, ca := certificate(t)
	p := newPost(t, secure)
	c := notify.Config{
		Type: "smtp", Server: p.addr, From: "vigil@example.org", To: []string{"ops@example.org", "boss@example.org"}, User: "vigil",
		PasswordFile: file(t, "pa55"), AllowPrivate: true, CAFile: ca,
	}
	w := newWorld(t, map[string]notify.Config{"mail": c})
	w.happens(w.failed("rem-1", forged))
	w.deliver("mail")
	if log := w.log(); log[0].State != vigil.NotifySent {
		t.Fatalf("log = %+v\n%q", log, p.told)
	}
	auth := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00vigil\x00pa55"))
	at := func(line string) int { return slices.Index(p.told, line) }
	if !(0 < at("STARTTLS") && at("STARTTLS") < at(auth) && at(auth) < at("MAIL FROM:<vigil@example.org>") && at("RCPT TO:<boss@example.org>") > 0) {
		t.Errorf("told %q", p.told)
	}
	m, err := mail.ReadMessage(strings.NewReader(string(p.letter)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || m.Header.Get("Bcc") != "" || !strings.HasPrefix(subject, "[Vigil] Needs you: service:web") || m.Header.Get("References") == "" {
		t.Errorf("header %v, subject %q, %v", m.Header, subject, err)
	}
	if !strings.Contains(string(body), "next: vigil remediation show rem-1") {
		t.Errorf("body %s", body)
	}
}

func TestMail_IsGivenUpWhenNobodyIsThere(t *testing.T) {
	t.Parallel()
	f := func(answer string, want vigil.NotifyState) {
		t.Helper()
		p := newPost(t, nil)
		p.says["RCPT"] = answer
		w := newWorld(t, map[string]notify.Config{"mail": {
			Type: "smtp", Server: p.addr, TLS: "none", From: "vigil@example.org", To: []string{"ops@example.org"}, AllowPrivate: true,
		}})
		w.happens(w.failed("rem-1", "web"))
		w.deliver("mail")
		if n := w.log()[0]; n.State != want || !strings.Contains(n.Answer, answer[4:]) {
			t.Errorf("after %q: %s %q, want %s", answer, n.State, n.Answer, want)
		}
	}
	f("550 no such user", vigil.NotifyRefused)
	f("451 try later", vigil.NotifyPending)
}

// TestChannels_ShowNoSecretAndReachNothingForbidden looks at what is left in the
// log when the other side repeats what it was sent, and when its name resolves to
// an address that is none of Vigil's business.
func TestChannels_ShowNoSecretAndReachNothingForbidden(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "no: "+r.Header.Get("Authorization")+" "+r.URL.Path+strings.Repeat("x", 1<<20))
	}))
	t.Cleanup(echo.Close)
	w := newWorld(t, map[string]notify.Config{
		"phone": {Type: "ntfy", URL: echo.URL, Topic: "vigil", TokenFile: file(t, "tk_s3cret"), AllowPrivate: true},
		"chat":  {Type: "slack", URLFile: file(t, echo.URL+"/services/s3cret"), AllowPrivate: true},
		"near":  {Type: "ntfy", URL: "http://localhost:1", Topic: "vigil"},
	})
	w.happens(w.failed("rem-1", "web"))
	for _, name := range []string{"phone", "chat", "near"} {
		w.deliver(name)
	}
	for _, n := range w.log() {
		if strings.Contains(n.Answer, "s3cret") || len(n.Answer) > 300 {
			t.Errorf("the log of %s shows %q", n.Channel, n.Answer)
		}
		if n.Channel == "near" && !strings.Contains(n.Answer, "is not public") {
			t.Errorf("near answered %q, want it not dialled", n.Answer)
		}
	}
}
