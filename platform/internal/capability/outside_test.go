package capability

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability/command"
	"github.com/techmedaddy/vigil/platform/internal/capability/egress"
	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// outside is a session over one real endpoint and real commands.
type outside struct {
	bench
	served atomic.Int64
}

func newOutside(t *testing.T, grants ...vigil.Grant) *outside {
	t.Helper()
	o := &outside{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.served.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(append([]byte("got "), body...))
	}))
	t.Cleanup(server.Close)
	endpoints, err := egress.New(map[string]egress.Config{
		"hook": {URL: server.URL, AllowPrivate: true, Methods: []string{"GET", "POST"}, Path: "/v1"}, "other": {URL: server.URL, AllowPrivate: true},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	commands, err := command.New(map[string]command.Config{
		"echo": {Argv: []string{"/bin/echo", "--", "{word}"}, Args: map[string]command.Arg{"word": {Pattern: "^[a-z]+$", Max: 4096}}},
		"wait": {Argv: []string{"/bin/sleep", "60"}, Timeout: vigil.Duration(50 * time.Millisecond)},
	}, command.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	broker := NewBroker(BrokerOptions{
		Services: open(t, t.TempDir(), nil), Endpoints: endpoints, Commands: commands,
		Budgets: t.TempDir(), Allows: allowExactly, Log: slog.New(slog.DiscardHandler), Now: time.Now, Emit: func(...flow.Span) {},
	})
	lease := flow.Lease{Remediation: "rem-1", Target: vigil.Target{Kind: "service", Name: "web", Host: "h1"}, Grants: grants}
	o.session = broker.ForLease(lease, flow.NewTrace(), func() error { return o.lost }, func() []vigil.Grant { return grants })
	return o
}

// granted is a grant without a budget, or with one use an hour.
func granted(capability, target string, once bool) vigil.Grant {
	g := vigil.Grant{ID: "g-" + target, Capability: capability, Target: target}
	if once {
		g.Budget = vigil.Rate{N: 1, Per: vigil.Duration(time.Hour)}
	}
	return g
}

const (
	post = `{"endpoint":"hook","method":"POST","path":"/v1/page","header":{"Content-Type":"text/plain"},"body":"s3cret"}`
	echo = `{"command":"echo","args":{"word":"hello"}}`
)

func TestOutside_AGrantIsEnoughWhateverTheLeaseTreats(t *testing.T) {
	t.Parallel()
	o := newOutside(t, granted("http.request", "endpoint:hook", false), granted("command.run", "command:echo", false))
	var page vigil.HTTPReply
	if reply := o.call(t, "http.request", post); !reply.OK || json.Unmarshal(reply.Data, &page) != nil || page.Status != 418 || string(page.Body) != "got s3cret" {
		t.Errorf("http.request = %+v with %s", reply, reply.Data)
	}
	var said vigil.CommandReply
	if reply := o.call(t, "command.run", echo); !reply.OK || json.Unmarshal(reply.Data, &said) != nil || said.Exit != 0 || said.Output != "-- hello\n" {
		t.Errorf("command.run = %+v with %s", reply, reply.Data)
	}
	calls := o.session.Calls()
	if len(calls) != 2 || calls[0].Target != "endpoint:hook" || calls[1].Target != "command:echo" {
		t.Fatalf("transcript = %+v", calls)
	}
	if kept := string(calls[0].Request) + string(calls[0].Reply); strings.Contains(kept, "s3cret") || !strings.Contains(kept, `"path":"/v1/page"`) ||
		!strings.Contains(kept, `"status":418`) || strings.Count(kept, `"body":"sha256:`) != 2 {
		t.Errorf("transcript keeps %s, want where it went and no body", kept)
	}
	if kept := string(calls[1].Reply); !strings.Contains(kept, `"digest":"sha256:`) || !strings.Contains(kept, `"output":"-- hello\n"`) {
		t.Errorf("transcript keeps %s, want the program's digest and its output", kept)
	}
}

func TestOutside_AGrantMayNameTheHost(t *testing.T) {
	t.Parallel()
	f := func(target, code string) {
		t.Helper()
		if reply := newOutside(t, granted("http.request", target, true)).call(t, "http.request", post); reply.Code != code {
			t.Errorf("granted on %s: reply = %+v, want code %q", target, reply, code)
		}
	}
	f("endpoint:hook@h1", "")
	f("endpoint:hook@h2", "capability_denied")
}

func TestOutside_RefusesBeforeTheEffect(t *testing.T) {
	t.Parallel()
	both := []vigil.Grant{granted("http.request", "endpoint:hook", true), granted("command.run", "command:echo", true)}
	f := func(name, op, req, code string, lost error, grants ...vigil.Grant) {
		t.Helper()
		o := newOutside(t, grants...)
		o.lost = lost
		if reply := o.call(t, op, req); reply.OK || reply.Code != code || reply.Data != nil {
			t.Errorf("%s: reply = %+v, want code %q", name, reply, code)
		}
		if calls := o.session.Calls(); len(calls) != 1 || calls[0].Code != code {
			t.Errorf("%s: transcript = %+v, want one line with code %q", name, calls, code)
		}
		if n := o.served.Load(); n != 0 {
			t.Errorf("%s: %d requests were made", name, n)
		}
	}
	stale := vigil.Errorf(vigil.Conflict, "fence_stale", "a later lease was served")
	f("no grant", "http.request", post, "capability_denied", nil)
	f("no grant", "command.run", echo, "capability_denied", nil)
	f("grant of another endpoint", "http.request", post, "capability_denied", nil, granted("http.request", "endpoint:other", false))
	f("grant of another command", "command.run", echo, "capability_denied", nil, granted("command.run", "command:wait", false))
	f("lease lost", "http.request", post, "fence_stale", stale, both...)
	f("lease lost", "command.run", echo, "fence_stale", stale, both...)
	f("method", "http.request", `{"endpoint":"hook","method":"PUT","path":"/v1"}`, "http_method_denied", nil, both...)
	f("path", "http.request", `{"endpoint":"hook","path":"/v2"}`, "http_path_denied", nil, both...)
	f("argument", "command.run", `{"command":"echo","args":{"word":"-n"}}`, "arg_denied", nil, both...)
	for op, reqs := range map[string][]string{
		"http.request": {
			``, `{}`, `{"endpoint":"a b"}`, `{"endpoint":"hook@h2"}`, `{"endpoint":"../hook"}`, `{"endpoint":"hook","url":"http://evil"}`,
			`{"endpoint":"hook","body":7}`, `{"endpoint":"hook"}{}`, post + strings.Repeat(" ", MaxRequest),
		},
		"command.run": {``, `{}`, `{"command":"/bin/sh"}`, `{"command":"echo","argv":["x"]}`, `{"command":"echo","args":["x"]}`, `{"command":"echo","args":{"word":7}}`},
	} {
		for _, req := range reqs {
			f(req, op, req, "request_invalid", nil, both...)
		}
	}
}

func TestOutside_EveryRequestSpendsTheBudget(t *testing.T) {
	t.Parallel()
	o := newOutside(t, granted("http.request", "endpoint:hook", true), granted("command.run", "command:echo", true))
	f := func(what, op, req, code string) {
		t.Helper()
		if reply := o.call(t, op, req); reply.Code != code {
			t.Errorf("%s: reply = %+v, want code %q", what, reply, code)
		}
	}
	f("a dry run", "http.request", `{"endpoint":"hook","path":"/v1","dry_run":true}`, "")
	f("what Vigil refuses itself", "http.request", `{"endpoint":"hook","path":"/v2"}`, "http_path_denied")
	f("a GET", "http.request", `{"endpoint":"hook","path":"/v1"}`, "")
	f("one too many", "http.request", `{"endpoint":"hook","path":"/v1"}`, "budget_exhausted")
	f("a dry run of it", "http.request", `{"endpoint":"hook","path":"/v1","dry_run":true}`, "budget_exhausted")
	f("a dry run", "command.run", `{"command":"echo","args":{"word":"hello"},"dry_run":true}`, "")
	f("what Vigil refuses itself", "command.run", `{"command":"echo"}`, "arg_denied")
	f("a run", "command.run", echo, "")
	f("one too many", "command.run", echo, "budget_exhausted")
	if n := o.served.Load(); n != 1 {
		t.Errorf("%d requests were made, want 1", n)
	}
}

func TestOutside_ACommandThatWasKilledIsInTheTranscript(t *testing.T) {
	t.Parallel()
	o := newOutside(t, granted("command.run", "command:wait", false))
	if reply := o.call(t, "command.run", `{"command":"wait"}`); reply.OK || reply.Code != "command_timeout" || reply.Data != nil {
		t.Errorf("reply = %+v", reply)
	}
	if calls := o.session.Calls(); len(calls) != 1 || !strings.Contains(string(calls[0].Reply), `"signal":"killed"`) {
		t.Errorf("transcript = %+v, want what was known of it", calls)
	}
}

func TestOutside_ATranscriptHasABound(t *testing.T) {
	t.Parallel()
	o := newOutside(t, granted("command.run", "command:echo", false))
	req := `{"command":"echo","args":{"word":"` + strings.Repeat("a", 4000) + `"}}`
	for range maxCalls {
		if reply := o.call(t, "command.run", req); !reply.OK {
			t.Fatalf("reply = %+v", reply)
		}
	}
	doc, err := json.Marshal(o.session.Calls())
	if err != nil || len(doc) > maxTranscript+maxCalls*512 {
		t.Errorf("transcript of %d bytes, %v", len(doc), err)
	}
	if last := o.session.Calls()[maxCalls-1]; last.Target != "command:echo" || !strings.Contains(string(last.Request), "left_out") {
		t.Errorf("last line = %+v, want its call and nothing of its request", last)
	}
}

func FuzzDecodeHTTP(f *testing.F) {
	f.Add([]byte(post))
	f.Add([]byte(`{"endpoint":"hook","query":{"a":["b"]},"body":{"base64":"/w=="},"dry_run":true}`))
	verb := httpVerb(nil)
	f.Fuzz(func(t *testing.T, b []byte) { fuzzVerb(t, verb, "endpoint:", b) })
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add([]byte(echo))
	f.Add([]byte(`{"command":"-H","args":{"":"\u0000"}}`))
	verb := commandVerb(nil)
	f.Fuzz(func(t *testing.T, b []byte) { fuzzVerb(t, verb, "command:", b) })
}

// fuzzVerb holds what a decoder must: a target that names one thing, and a
// request that the transcript can keep.
func fuzzVerb(t *testing.T, verb Verb, kind string, b []byte) {
	t.Helper()
	deed, err := verb(b)
	if err != nil {
		if vigil.CodeOf(err) != "request_invalid" {
			t.Errorf("%q: %v", b, err)
		}
		return
	}
	name, ok := strings.CutPrefix(deed.Target, kind)
	if got, err := vigil.ParseTarget("service:" + name); !ok || err != nil || got.Name != name || !deed.Effect || deed.Treats {
		t.Errorf("%q became %+v", b, deed)
	}
	if _, err := json.Marshal(deed.Request); err != nil {
		t.Errorf("%q cannot be kept: %v", b, err)
	}
}
