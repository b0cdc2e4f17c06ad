package remedy_test

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

var (
	start   = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	backend = vigil.Target{Kind: "service", Name: "backend"}
	placed  = vigil.Target{Kind: "service", Name: "backend", Host: "host-1"}
)

func secs(n float64) vigil.Duration { return vigil.Duration(n * float64(time.Second)) }

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// ledger keeps in memory what the real one keeps on disk, with its refusals.
type ledger struct {
	mu      sync.Mutex
	rows    map[string]vigil.Remediation
	order   []string
	targets map[string]flow.TargetMemory
	guards  map[string]flow.GuardMemory
	ks      flow.KillSwitch
	pauses  map[string]vigil.Pause
	windows map[string]vigil.Window
	audit   []vigil.AuditRecord
	applies int
	broken  error // every write fails with it
}

func newLedger() *ledger {
	return &ledger{
		rows: map[string]vigil.Remediation{}, targets: map[string]flow.TargetMemory{}, guards: map[string]flow.GuardMemory{},
		pauses: map[string]vigil.Pause{}, windows: map[string]vigil.Window{},
	}
}

func (l *ledger) LoadTreatment(context.Context) (flow.Treatment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := flow.Treatment{
		KillSwitch: l.ks, Pauses: slices.Collect(maps.Values(l.pauses)), Windows: slices.Collect(maps.Values(l.windows)),
	}
	for _, id := range l.order {
		if l.rows[id].Open() {
			t.Open = append(t.Open, l.rows[id])
		}
	}
	for _, m := range l.targets {
		t.Targets = append(t.Targets, m)
	}
	for _, m := range l.guards {
		t.Guards = append(t.Guards, m)
	}
	return t, nil
}

func (l *ledger) Apply(ctx context.Context, c flow.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.broken != nil {
		return l.broken
	}
	if err := l.check(c); err != nil {
		return err
	}
	for _, r := range c.Remediations {
		if _, known := l.rows[r.ID]; !known {
			l.order = append(l.order, r.ID)
		}
		r.Attempts = slices.Clone(r.Attempts)
		l.rows[r.ID] = r
	}
	for _, m := range c.Targets {
		l.targets[m.Target.String()] = m
	}
	for _, m := range c.Guards {
		if l.guards[m.Of] = m; m.Empty() {
			delete(l.guards, m.Of)
		}
	}
	if c.KillSwitch != nil {
		l.ks = *c.KillSwitch
	}
	l.brake(c.Brakes)
	l.audit = append(l.audit, c.Audit...)
	l.applies++
	return nil
}

func (l *ledger) brake(b flow.Brakes) {
	for _, id := range b.Lifted {
		delete(l.pauses, id)
	}
	for _, p := range b.Pauses {
		l.pauses[p.ID] = p
	}
	for _, name := range b.Removed {
		delete(l.windows, name)
	}
	for _, w := range b.Windows {
		l.windows[w.Name] = w
	}
}

func (l *ledger) check(c flow.Change) error {
	open := map[string]string{}
	for id, r := range l.rows {
		if r.Open() {
			open[r.Target.String()] = id
		}
	}
	rows := slices.Clone(c.Remediations)
	slices.SortStableFunc(rows, func(a, b vigil.Remediation) int { return cmp.Compare(bit(a.Open()), bit(b.Open())) })
	for _, r := range rows {
		if l.rows[r.ID].Version != r.Version-1 {
			return vigil.Errorf(vigil.Conflict, "version_conflict", "%s is not at %d", r.ID, r.Version-1)
		}
		key := r.Target.String()
		if id, busy := open[key]; busy && id != r.ID && r.Open() {
			return vigil.Errorf(vigil.Conflict, "target_busy", "%s is busy", key)
		}
		if r.Open() {
			open[key] = r.ID
		} else if open[key] == r.ID {
			delete(open, key)
		}
	}
	for _, m := range c.Targets {
		if m.Fence < l.targets[m.Target.String()].Fence {
			return vigil.Errorf(vigil.Conflict, "fence_stale", "fence of %s goes back", m.Target)
		}
	}
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *ledger) Remediation(_ context.Context, id string) (vigil.Remediation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.rows[id]; ok {
		return r, nil
	}
	return vigil.Remediation{}, vigil.Errorf(vigil.NotFound, "remediation_not_found", "no remediation %q", id)
}

func (l *ledger) Remediations(_ context.Context, f flow.RemediationFilter) ([]vigil.Remediation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rs []vigil.Remediation
	for _, id := range slices.Backward(l.order) {
		if r := l.rows[id]; f.State == "" || r.State == f.State {
			rs = append(rs, r)
		}
	}
	return rs, nil
}

// newest returns the n-th newest remediation, 0 for the newest.
func (l *ledger) newest(t *testing.T, n int) vigil.Remediation {
	t.Helper()
	rs, _ := l.Remediations(t.Context(), flow.RemediationFilter{})
	if len(rs) <= n {
		t.Fatalf("there are %d remediations, want more than %d", len(rs), n)
	}
	return rs[n]
}

// verbs counts the audit records of a verb.
func (l *ledger) verbs(verb string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.audit {
		n += bit(r.Verb == verb)
	}
	return n
}

// registry knows every action that is not called missing; careful is not
// idempotent, poor has no grant.
type registry struct {
	revoked *atomic.Bool // all grants, if set
	newer   *atomic.Bool // names mean newer modules, if set
}

func (r registry) Action(_ context.Context, ref string) (vigil.Module, []vigil.Grant, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(ref, "sha256:"), "-2")
	if name == "missing" {
		return vigil.Module{}, nil, vigil.Errorf(vigil.NotFound, "module_not_found", "no module missing")
	}
	digest := "sha256:" + name
	if name == ref && r.newer != nil && r.newer.Load() {
		digest += "-2"
	}
	m := vigil.Module{
		Name: name, Digest: digest, Kind: vigil.ActionModule, Idempotent: name != "careful",
		Requires: []vigil.Requirement{{Capability: "service.restart", Target: "service:*"}},
	}
	if name == "poor" || r.revoked != nil && r.revoked.Load() {
		return m, nil, nil
	}
	return m, []vigil.Grant{{Digest: m.Digest, Capability: "service.restart", Target: "service:*"}}, nil
}

// spanBag gathers what is exported.
type spanBag struct {
	mu    sync.Mutex
	spans []flow.Span
}

func (b *spanBag) Emit(spans ...flow.Span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans = append(b.spans, spans...)
}

func (b *spanBag) named(name string) (out []flow.Span) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.spans {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}

// ward is a healer with everything around it, and one remediator that has
// backend, web and cache on host-1.
type ward struct {
	*remedy.Healer
	t     *testing.T
	clock *clock
	led   *ledger
	spans *spanBag

	revoked atomic.Bool // all grants
	newer   atomic.Bool // modules, for what names mean
	fleet   remedy.Fleet
	crew    int // hosts beside host-1
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{t: t, clock: &clock{at: start}, led: newLedger(), spans: &spanBag{}}
	w.reopen()
	return w
}

// reopen is a restart: what is only in memory is gone.
func (w *ward) reopen() {
	w.t.Helper()
	h, err := remedy.Open(w.t.Context(), remedy.Options{
		Tenant: "default", Ledger: w.led, Actions: registry{&w.revoked, &w.newer}, Spans: w.spans, Now: w.clock.now,
		Log: slog.New(slog.DiscardHandler), HostStarted: w.clock.now(), Fleet: w.fleet,
	})
	w.must(err)
	w.Healer = h
	w.must(h.Register(w.t.Context(), hands("local", "host-1", "backend", "web", "cache")))
}

func hands(id, host string, services ...string) vigil.Remediator {
	r := vigil.Remediator{ID: id, Host: host}
	for _, s := range services {
		r.Services = append(r.Services, vigil.ServiceStatus{Service: s})
	}
	return r
}

// Judged tells a verdict, and insists that none is overlooked which moves something.
func (w *ward) Judged(ctx context.Context, j flow.Judged) error {
	w.t.Helper()
	if w.Overlooks(j) {
		w.t.Errorf("nobody heeds %+v", j)
	}
	return w.Healer.Judged(ctx, j) //nolint:wrapcheck // the test asks for it as it is
}

func (w *ward) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// cpuHigh is the seed's policy.
func cpuHigh() flow.PolicyRow {
	p := vigil.DefaultPolicy()
	p.Name, p.Module, p.Select.Selector, p.Target = "cpu-high", "threshold", "cpu_usage", "service:backend"
	p.RecoverFor, p.Mode = secs(2), vigil.Auto
	p.Guards = vigil.Guards{Budget: vigil.Rate{N: 60, Per: vigil.Duration(time.Hour)}, MaxAge: secs(600)}
	p.Runbook = []vigil.Step{{Action: "restart-service", Timeout: secs(30)}}
	p.Verify = vigil.Verify{Stabilise: secs(2), Window: secs(10)}
	return flow.PolicyRow{Policy: p, Digest: "sha256:threshold", Revision: 1}
}

// firing is a sample of 0.95 that arrives now.
func (w *ward) firing(p flow.PolicyRow) flow.Firing {
	now := w.clock.now()
	return flow.Firing{
		Policy: p, Decision: "dec-1", Series: vigil.Series{Name: "cpu_usage"}, SampleAt: now, ReceivedAt: now, Value: 0.95,
		Episode: vigil.Episode{ID: "ep-1", Policy: p.Name, Target: mustTarget(p.Target), State: vigil.EpisodeFiring},
		Trace:   flow.NewTrace(),
	}
}

func mustTarget(s string) vigil.Target {
	t, err := vigil.ParseTarget(s)
	if err != nil {
		panic(err)
	}
	return t
}

func (w *ward) fire(p flow.PolicyRow) { w.t.Helper(); w.must(w.Fired(w.t.Context(), w.firing(p))) }

// judge has the policy say verdict of a sample that arrives now.
func (w *ward) judge(p flow.PolicyRow, verdict vigil.Verdict) {
	w.t.Helper()
	now := w.clock.now()
	w.must(w.Judged(w.t.Context(), flow.Judged{
		Policy: p.Name, Target: mustTarget(p.Target), Verdict: verdict, Value: 0.5, SampleAt: now, ReceivedAt: now,
	}))
}

func (w *ward) pass(d time.Duration) { w.t.Helper(); w.clock.add(d); w.must(w.Tick(w.t.Context())) }

// lease takes what is ready; nil when nothing is.
func (w *ward) lease() *flow.Lease {
	w.t.Helper()
	l, err := w.Lease(w.t.Context(), "local", 0)
	w.must(err)
	return l
}

// run takes the lease, starts and ends the action well.
func (w *ward) run() flow.Lease {
	w.t.Helper()
	l := w.begin()
	w.clock.add(100 * time.Millisecond)
	w.must(w.Finish(w.t.Context(), w.report(l, true)))
	return l
}

func (w *ward) begin() flow.Lease {
	w.t.Helper()
	l := w.lease()
	if l == nil {
		w.t.Fatal("nothing to lease")
	}
	w.must(w.Start(w.t.Context(), *l))
	return *l
}

func (w *ward) report(l flow.Lease, ok bool) flow.Report {
	rep := flow.Report{Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence, OK: ok, Started: true, EndedAt: w.clock.now(), PID: 42, PIDBefore: 41}
	if !ok {
		rep.Code, rep.Message = "service_down", "it did not come up"
	}
	return rep
}

func (w *ward) want(id string, want vigil.State) vigil.Remediation {
	w.t.Helper()
	r, err := w.Remediation(w.t.Context(), id)
	w.must(err)
	if r.State != want {
		w.t.Fatalf("%s is %s (hold %+v), want %s", id, r.State, r.Hold, want)
	}
	return r
}
