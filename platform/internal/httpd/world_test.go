package httpd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/httpd"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// world is one tenant in memory, small and honest: what is put in comes out.
type world struct {
	mu        sync.Mutex // guards all below
	asked     []flow.IngestRequest
	samples   []vigil.Sample
	unit      time.Duration // of Influx's times
	receipt   flow.Receipt
	fails     error // what ingest answers when set
	policies  map[string]flow.PolicyRow
	modules   []vigil.Module
	wasm      []byte
	grants    []vigil.Grant
	rem       vigil.Remediation
	changed   chan struct{} // closed and replaced when rem changes
	wishes    []flow.Wish
	actions   []flow.SeedAction
	audit     []vigil.AuditRecord
	kill      flow.KillSwitch
	hosts     []vigil.Remediator
	work      chan flow.Lease
	polling   chan struct{} // one token for each lease poll that has begun
	polled    chan error    // how each lease poll's context ended
	reports   []flow.Report
	renewal   flow.Renewal
	inventory inventory
	breakers  []vigil.Breaker
	pauses    []vigil.Pause
	windows   []vigil.Window
	approved  int64 // the version that was approved last
}

func newWorld() *world {
	return &world{
		policies: map[string]flow.PolicyRow{}, changed: make(chan struct{}), work: make(chan flow.Lease, 8),
		polling: make(chan struct{}, 8), polled: make(chan error, 8),
		rem: vigil.Remediation{ID: "rem-1", State: vigil.Planned, Target: vigil.Target{Kind: "service", Name: "web"}},
	}
}

func (w *world) tenant() httpd.Tenant {
	return httpd.Tenant{
		Ingest: w, History: w, Policies: policies{w}, Modules: registry{w}, State: w, Grants: w, Remediations: w, Approvals: w,
		Leases: w, Records: w, Judgements: w, Remediators: w, Targets: &w.inventory, Breakers: w, KillSwitch: w, Brakes: w,
	}
}

func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) State(_ context.Context, ref, prefix string) ([]vigil.StateEntry, error) {
	return []vigil.StateEntry{{Key: prefix + "seen/" + ref, Value: []byte{0, 1}}}, nil
}

func (w *world) RemoveState(_ context.Context, by, ref, key string) error {
	if key == "gone" {
		return vigil.Errorf(vigil.NotFound, "state_not_found", "%s: %s keeps none", by, ref)
	}
	return nil
}

func (w *world) RemoteWrite(ctx context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	return w.JSON(ctx, r)
}

func (w *world) OTLP(ctx context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	return w.JSON(ctx, r)
}

func (w *world) Influx(ctx context.Context, r flow.IngestRequest, unit time.Duration) (flow.Receipt, error) {
	w.locked(func() { w.unit = unit })
	return w.JSON(ctx, r)
}

func (w *world) JSON(_ context.Context, r flow.IngestRequest) (flow.Receipt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Body = bytes.Clone(r.Body)
	w.asked = append(w.asked, r)
	if string(r.Body) == "panic" {
		panic("secret-of-the-handler")
	}
	return w.receipt, w.fails
}

func (w *world) Latest(_ context.Context, n int) ([]vigil.Sample, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.samples[:min(n, len(w.samples))], nil
}

type policies struct{ *world }

func (w policies) List(context.Context) (out []flow.PolicyRow, _ error) {
	w.locked(func() {
		for _, p := range w.policies {
			out = append(out, p)
		}
	})
	return out, nil
}

func (w policies) Get(_ context.Context, name string) (row flow.PolicyRow, err error) {
	w.locked(func() {
		var ok bool
		if row, ok = w.policies[name]; !ok {
			err = vigil.Errorf(vigil.NotFound, "policy_not_found", "no such policy")
		}
	})
	return row, err
}

func (w policies) Apply(_ context.Context, by string, p vigil.Policy) (row flow.PolicyRow, did flow.Applied, _ error) {
	w.locked(func() {
		row, did = flow.PolicyRow{Policy: p, AppliedBy: by, Revision: 1}, flow.Created
		if _, known := w.policies[p.Name]; known {
			did = flow.Unchanged
		}
		w.policies[p.Name] = row
	})
	return row, did, nil
}

func (w policies) Delete(_ context.Context, _, name string) error {
	w.locked(func() { delete(w.policies, name) })
	return nil
}

type registry struct{ *world }

func (w registry) List(context.Context) ([]vigil.Module, error) { return w.modules, nil }

func (w registry) Resolve(_ context.Context, ref string) (vigil.Module, error) {
	for _, m := range w.modules {
		if ref == m.Digest || ref == m.Name || ref == m.Name+"@"+m.Version {
			return m, nil
		}
	}
	return vigil.Module{}, vigil.Errorf(vigil.NotFound, "module_not_found", "no such module")
}

func (w registry) Upload(_ context.Context, u flow.Upload) (m vigil.Module, known bool, _ error) {
	w.locked(func() {
		known = bytes.Equal(w.wasm, u.Wasm)
		w.wasm = bytes.Clone(u.Wasm)
		m = vigil.Module{Digest: "sha256:aa", Name: "threshold", Version: "1.0.0", UploadedBy: u.By, Size: len(u.Wasm), SignedBy: string(u.Signature)}
		w.modules = []vigil.Module{m}
	})
	return m, known, nil
}

func (w registry) Delete(ctx context.Context, _, ref string) error {
	m, err := w.Resolve(ctx, ref)
	if err != nil {
		return err
	}
	if len(w.policies) > 0 {
		return vigil.Errorf(vigil.Conflict, "module_in_use", "module %s is used", m.Name)
	}
	w.locked(func() { w.modules = nil })
	return nil
}

func (w registry) Bytes(context.Context, string) ([]byte, error) { return w.wasm, nil }

func (w *world) Grant(_ context.Context, by string, g vigil.Grant) (vigil.Grant, error) {
	g.By, g.ID = by, "grant-1"
	w.locked(func() { w.grants = append(w.grants, g) })
	return g, nil
}

func (w *world) Grants(context.Context, string) ([]vigil.Grant, error) { return w.grants, nil }

func (w *world) Revoke(_ context.Context, _, id string) error {
	kept := slices.DeleteFunc(slices.Clone(w.grants), func(g vigil.Grant) bool { return g.ID == id })
	if len(kept) == len(w.grants) {
		return vigil.Errorf(vigil.NotFound, "grant_not_found", "no such grant")
	}
	w.locked(func() { w.grants = kept })
	return nil
}

func (w *world) Diff(_ context.Context, old, next string) (vigil.CapabilityDiff, error) {
	return vigil.CapabilityDiff{Old: old, New: next, Widened: old != next}, nil
}

func (w *world) Remediation(_ context.Context, id string) (rem vigil.Remediation, err error) {
	w.locked(func() { rem = w.rem })
	if id != rem.ID {
		return vigil.Remediation{}, vigil.Errorf(vigil.NotFound, "remediation_not_found", "no such remediation")
	}
	return rem, nil
}

func (w *world) Remediations(context.Context, flow.RemediationFilter) ([]vigil.Remediation, error) {
	return []vigil.Remediation{w.rem}, nil
}

func (w *world) Request(_ context.Context, wish flow.Wish) (rem vigil.Remediation, err error) {
	w.locked(func() { w.wishes, rem, err = append(w.wishes, wish), w.rem, w.fails })
	return rem, err
}

func (w *world) become(s vigil.State) {
	w.locked(func() {
		w.rem.State = s
		close(w.changed)
		w.changed = make(chan struct{})
	})
}

func (w *world) Await(ctx context.Context, _ string, until func(vigil.Remediation) bool) (vigil.Remediation, error) {
	for {
		var rem vigil.Remediation
		var changed chan struct{}
		w.locked(func() { rem, changed = w.rem, w.changed })
		if until(rem) {
			return rem, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return rem, ctx.Err()
		}
	}
}

func (w *world) Preview(context.Context, string) (*vigil.Preview, error) {
	return &vigil.Preview{Action: "restart-service", Known: 12}, nil
}

func (w *world) Approve(_ context.Context, _, _ string, version int64) error {
	w.locked(func() { w.approved = version })
	w.become(vigil.Planned)
	return nil
}

func (w *world) Deny(context.Context, string, string) error { w.become(vigil.Cancelled); return nil }

func (w *world) Cancel(context.Context, string, string) error { w.become(vigil.Cancelled); return nil }

func (w *world) Undo(ctx context.Context, id, _ string) (vigil.Remediation, error) {
	return w.Remediation(ctx, id)
}

func (w *world) Register(_ context.Context, r vigil.Remediator) error {
	w.locked(func() { w.hosts = append(w.hosts, r) })
	return nil
}

func (w *world) Lease(ctx context.Context, _ string, wait time.Duration) (*flow.Lease, error) {
	w.polling <- struct{}{}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case l := <-w.work:
		return &l, nil
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		w.polled <- ctx.Err()
		return nil, ctx.Err()
	}
}

func (w *world) Start(context.Context, flow.Lease) error { return nil }

func (w *world) Heartbeat(context.Context, flow.Lease) (flow.Renewal, error) { return w.renewal, nil }

func (w *world) Finish(_ context.Context, r flow.Report) error {
	w.locked(func() { w.reports = append(w.reports, r) })
	return nil
}

func (w *world) Audit(context.Context, int64, int) ([]vigil.AuditRecord, error) { return w.audit, nil }

func (w *world) AuditFor(context.Context, string) ([]vigil.AuditRecord, error) { return w.audit, nil }

func (w *world) AuditCheck(_ context.Context, after int64, _ int) (vigil.AuditCheck, error) {
	return vigil.AuditCheck{Last: after + int64(len(w.audit))}, nil
}

func (w *world) PutSeedAction(_ context.Context, a flow.SeedAction, rec vigil.AuditRecord) error {
	w.locked(func() { w.actions, w.audit = append(w.actions, a), append(w.audit, rec) })
	return nil
}

func (w *world) SeedActions(context.Context, int) ([]flow.SeedAction, error) { return w.actions, nil }

func (w *world) Episodes(context.Context, int) ([]vigil.Episode, error) { return nil, nil }

func (w *world) Decisions(context.Context, string, int) ([]vigil.Decision, error) { return nil, nil }

func (w *world) Decision(_ context.Context, id string) (vigil.Decision, error) {
	return vigil.Decision{ID: id}, nil
}

func (w *world) Remediators(context.Context) ([]vigil.Remediator, error) { return w.hosts, nil }

// inventory keeps what was said of targets.
type inventory struct{ known []vigil.KnownTarget }

func (i *inventory) Targets(context.Context) ([]vigil.KnownTarget, error) { return i.known, nil }

func (i *inventory) Mark(_ context.Context, t vigil.Target, word, by, reason string) error {
	i.known = append(i.known, vigil.KnownTarget{Target: t, Health: vigil.Healthy, Mark: vigil.Mark{Protected: word == "protected", By: by, Reason: reason}})
	return nil
}

func (w *world) Breakers(context.Context) ([]vigil.Breaker, error) { return w.breakers, nil }

func (w *world) ResetBreaker(_ context.Context, policy, _ string) error {
	had := len(w.breakers)
	w.breakers = slices.DeleteFunc(w.breakers, func(b vigil.Breaker) bool { return b.Policy == policy })
	if len(w.breakers) == had {
		return vigil.Errorf(vigil.NotFound, "breaker_closed", "none of %s", policy)
	}
	return nil
}

func (w *world) KillSwitch() (k flow.KillSwitch) {
	w.locked(func() { k = w.kill })
	return k
}

func (w *world) SetKillSwitch(_ context.Context, k flow.KillSwitch) error {
	w.locked(func() { w.kill = k })
	return nil
}

func (w *world) Brakes() (ps []vigil.Pause, ws []vigil.Window) {
	w.locked(func() { ps, ws = slices.Clone(w.pauses), slices.Clone(w.windows) })
	return ps, ws
}

func (w *world) Pause(_ context.Context, p vigil.Pause, d vigil.Duration) (vigil.Pause, error) {
	p.ID = "pause-1"
	if d > 0 {
		p.Expires = time.Unix(0, 0).Add(d.D())
	}
	w.locked(func() { w.pauses = append(w.pauses, p) })
	return p, nil
}

func (w *world) Resume(_ context.Context, who, _ string) ([]vigil.Pause, error) {
	w.locked(func() {
		w.pauses = slices.DeleteFunc(w.pauses, func(p vigil.Pause) bool { return p.ID == who || p.Holder == who })
	})
	remain, _ := w.Brakes()
	return remain, nil
}

func (w *world) SetMaintenance(_ context.Context, win vigil.Window, d vigil.Duration) (vigil.Window, error) {
	if d > 0 {
		win.Until = time.Unix(0, 0).Add(d.D())
	}
	w.locked(func() { w.windows = append(w.windows, win) })
	return win, nil
}

func (w *world) RemoveMaintenance(_ context.Context, name, _ string) error {
	w.locked(func() {
		w.windows = slices.DeleteFunc(w.windows, func(win vigil.Window) bool { return win.Name == name })
	})
	return nil
}

// box is a server on a real socket.
type box struct {
	t    *testing.T
	addr string
	url  string
	log  *logs
	stop func() error // ends the server and waits for it
	http *http.Client
}

// logs keeps what the server logged.
type logs struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func start(t *testing.T, w *world, change func(*httpd.Options)) *box {
	t.Helper()
	opt := httpd.Options{
		Tenants: func(name string) (httpd.Tenant, bool) { return w.tenant(), name == "default" },
		Version: "1.2.3",
	}
	lg := &logs{}
	opt.Log = slog.New(slog.NewJSONHandler(lg, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if change != nil {
		change(&opt)
	}
	return serve(t, httpd.New(opt), lg)
}

func serve(t *testing.T, srv *httpd.Server, lg *logs) *box {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, ln) }()
	b := &box{t: t, addr: ln.Addr().String(), url: "http://" + ln.Addr().String(), log: lg}
	b.http = &http.Client{Transport: &http.Transport{}}
	b.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		if err := b.stop(); err != nil {
			t.Errorf("Serve() = %v after an orderly stop", err)
		}
	})
	return b
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	m      map[string]any // the body, if it was a JSON object
}

func (b *box) do(method, path, body string, header ...string) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Add(header[i], header[i+1])
		}
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	return read(b.t, resp)
}

func read(t *testing.T, resp *http.Response) reply {
	t.Helper()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: string(raw)}
	_ = json.Unmarshal(raw, &r.m)
	return r
}

// want checks a problem's status and code, and that it is shaped as promised.
func (r reply) want(t *testing.T, status int, code string) {
	t.Helper()
	if r.status != status || r.m["code"] != code {
		t.Fatalf("answer = %d %s, want %d with code %s", r.status, r.body, status, code)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type = %q", got)
	}
	for _, member := range []string{"type", "title", "detail", "request_id"} {
		if s, _ := r.m[member].(string); s == "" {
			t.Errorf("problem %s lacks %s", r.body, member)
		}
	}
}

// raw sends bytes on a socket of their own and returns all that comes back
// until the server closes it, or nothing comes for a while.
func (b *box) raw(bytes string) string {
	b.t.Helper()
	conn := b.dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, bytes); err != nil {
		b.t.Fatal(err)
	}
	got, _ := io.ReadAll(conn)
	return string(got)
}

func (b *box) dial() net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		b.t.Fatal(err)
	}
	return conn
}

// answers reads the answers on one connection, one after the other.
func answers(t *testing.T, r *bufio.Reader) reply {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return read(t, resp)
}
