package policy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/policy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// threshold is a guest that fires above a line. It answers as a real one does:
// once for each run of equal verdicts.
type threshold struct {
	world  *world
	above  map[uint32]float64
	asked  int // guarded by world.mu
	closed bool
}

func (g *threshold) Configure(_ context.Context, config uint32, settings []byte) error {
	var s struct {
		Above *float64 `json:"above"`
	}
	if err := json.Unmarshal(settings, &s); err != nil || s.Above == nil {
		return vigil.Errorf(vigil.Invalid, "settings_invalid", "above: missing")
	}
	g.above[config] = *s.Above
	return nil
}

func (g *threshold) Eval(_ context.Context, ask flow.Ask) (js []flow.Judgement, err error) {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	g.world.asks++
	g.asked++
	if g.closed {
		return nil, errors.New("closed")
	}
	if g.world.failing > 0 {
		g.world.failing--
		return nil, vigil.Errorf(vigil.Internal, "guest_trap", "unreachable")
	}
	if g.world.foreign {
		return nil, vigil.Errorf(vigil.Invalid, "target_out_of_scope", "module threshold: decision 0 is about series 7 of 1")
	}
	line, ok := g.above[ask.Config]
	if !ok {
		return nil, errors.New("not configured")
	}
	for i, r := range ask.Runs {
		last := vigil.Verdict("")
		for row := r.First; row < r.First+r.Count; row++ {
			v, verdict := ask.Values[row], vigil.VerdictOK
			switch {
			case v > line || (math.IsNaN(v) && g.world.naive):
				verdict = vigil.VerdictFire
			case math.IsNaN(v):
				verdict = vigil.VerdictNoData
			}
			if verdict != last {
				last = verdict
				js = append(js, flow.Judgement{Run: i, Verdict: verdict, Value: v, At: time.Unix(0, ask.Times[row])})
				if verdict == vigil.VerdictFire {
					js[len(js)-1].Message = fmt.Sprintf("%g against %g", v, line)
				}
			}
		}
	}
	return js, nil
}

// Calls are one for each evaluation of a guest that asks.
func (g *threshold) Calls() []vigil.HostCall {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if !g.world.asking {
		return nil
	}
	return []vigil.HostCall{{Op: vigil.OpQuery, Target: fmt.Sprint("metric:ask_", g.world.asks)}}
}

// Cost says that each question costs 100 units.
func (g *threshold) Cost() flow.GuestCost {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	return flow.GuestCost{Fuel: 100 * uint64(g.asked), Time: time.Duration(g.asked) * time.Millisecond, Pages: 3}
}

func (g *threshold) Close(context.Context) error {
	g.closed = true
	return nil
}

// world is an engine's surroundings, kept in memory: ledger, modules, guests,
// healer and clock.
type world struct {
	*policy.Engine
	t testing.TB

	mu        sync.Mutex // guards all below
	strays    []flow.Stray
	now       time.Time // zero: the real clock
	rows      map[string]flow.PolicyRow
	audit     []vigil.AuditRecord
	episodes  map[string]vigil.Episode
	order     []string // ids of episodes as they came
	decisions []vigil.Decision
	told      []string // what the healer heard, Judged aside
	firings   []flow.Firing
	judged    []flow.Judged
	spans     []flow.Span
	asks      int
	questions []flow.Query // put to the history
	answer    func(ctx context.Context, q flow.Query) ([]flow.QueryResult, error)
	opened    int
	failing   int  // guest calls to fail
	foreign   bool // the guest fires for a series that is not in its batch
	naive     bool // the guest fires on NaN
	asking    bool // it asks the host at each evaluation
	broken    error
	deaf      error                 // of Cleared
	heard     chan flow.Firing      // dropped when full
	known     map[string]flow.Known // the inventory, by policy and target
	left      []vigil.Target        // decommissioned before the start
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return &world{
		t: t, now: time.Unix(1_700_000_000, 0), rows: map[string]flow.PolicyRow{}, known: map[string]flow.Known{},
		episodes: map[string]vigil.Episode{}, heard: make(chan flow.Firing, 1024),
	}
}

// open starts an engine on the world, as a process start does.
func (w *world) open(shards int) {
	w.t.Helper()
	e, err := policy.Open(w.t.Context(), policy.Options{
		Tenant: "default", Ledger: w, Guests: guests{w}, Modules: modules{}, Treat: treat{w}, Spans: w, Inventory: w, Decommissioned: w.left,
		Now: w.clock, Log: slog.New(slog.DiscardHandler), Shards: shards,
		Selector: func(text string) (func(vigil.Series) bool, error) {
			if text == "{" {
				return nil, vigil.Errorf(vigil.Invalid, "selector_invalid", "selector cannot be read")
			}
			return func(s vigil.Series) bool { return s.Name == text }, nil
		},
		Queries: queries{w},
		Settings: func(schema, settings []byte) error { // a schema here is a word that is forbidden
			if bytes.Contains(settings, bytes.Trim(schema, `"`)) {
				return vigil.Errorf(vigil.Invalid, "settings_invalid", "%s: no such setting", schema).With("field", string(bytes.Trim(schema, `"`)))
			}
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine = e
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now.IsZero() {
		return time.Now()
	}
	return w.now
}

// pass lets time go by, and the engine do what is due then.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
	w.step()
}

func (w *world) step() {
	w.t.Helper()
	if err := w.Step(w.t.Context(), 0, w.clock()); err != nil {
		w.t.Fatalf("step: %v", err)
	}
}

// apply puts a policy in force: cpu_usage above 0.8 is bad for service:backend,
// at once, and well again after 2 s.
func (w *world) apply(change func(p *vigil.Policy)) flow.PolicyRow {
	w.t.Helper()
	p := cpuHigh()
	if change != nil {
		change(&p)
	}
	row, _, err := w.Apply(w.t.Context(), "local", p)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func cpuHigh() vigil.Policy {
	p := vigil.DefaultPolicy()
	p.Name, p.Module, p.Select.Selector, p.Target = "cpu-high", "threshold", "cpu_usage", "service:backend"
	p.Settings, p.Mode = json.RawMessage(`{"above": 0.8}`), vigil.Auto
	p.RecoverFor = vigil.Duration(2 * time.Second)
	p.Runbook = []vigil.Step{{Action: "restart-service", Timeout: vigil.DefaultTimeout}}
	return p
}

// sample is a value received now and measured ago.
type sample struct {
	host  string
	value float64
	ago   time.Duration
}

// batch makes a batch of samples of cpu_usage, one run per host.
func (w *world) batch(samples ...sample) *flow.Batch {
	now := w.clock()
	trail := &flow.Trail{Context: flow.NewTrace()}
	b := &flow.Batch{Tenant: "default", Received: now, Trail: trail}
	for _, s := range samples {
		meta, id := vigil.Series{Name: "cpu_usage"}, uint64(1)
		if s.host != "" {
			meta.Labels = vigil.Labels{"host": s.host}
			for _, c := range []byte(s.host) {
				id = id*31 + uint64(c)
			}
		}
		if n := len(b.Runs); n == 0 || b.Runs[n-1].ID != id {
			b.Runs = append(b.Runs, flow.Run{ID: id, Meta: meta, First: uint32(len(b.Times))})
		}
		b.Runs[len(b.Runs)-1].Count++
		b.Times = append(b.Times, now.Add(-s.ago).UnixNano())
		b.Values = append(b.Values, s.value)
	}
	return b
}

// send offers samples measured just now, without a host, and has them judged.
func (w *world) send(values ...float64) {
	w.t.Helper()
	var samples []sample
	for i, v := range values {
		samples = append(samples, sample{value: v, ago: time.Duration(len(values)-1-i) * time.Nanosecond})
	}
	w.Offer(w.batch(samples...))
	w.step()
}

// takeTold returns what the healer heard since the last call, Judged aside.
func (w *world) takeTold() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.told, ", ")
	w.told = nil
	return s
}

// words lists the decisions' verdicts by target.
func (w *world) words() map[string][]vigil.Verdict {
	m := map[string][]vigil.Verdict{}
	for _, d := range w.decisions {
		m[d.Target.String()] = append(m[d.Target.String()], d.Verdict)
	}
	return m
}

// The ledger.

func (w *world) Policies(context.Context) ([]flow.PolicyRow, error) {
	return slices.Collect(maps.Values(w.rows)), nil
}

func (w *world) PutPolicy(_ context.Context, row flow.PolicyRow, rec vigil.AuditRecord) error {
	if w.broken == nil {
		w.rows[row.Name] = row
		w.audit = append(w.audit, rec)
	}
	return w.broken
}

func (w *world) DeletePolicy(_ context.Context, name string, rec vigil.AuditRecord) error {
	delete(w.rows, name)
	w.audit = append(w.audit, rec)
	return nil
}

func (w *world) OpenEpisodes(context.Context) (open []vigil.Episode, err error) {
	for _, id := range w.order {
		if w.episodes[id].State != vigil.EpisodeResolved {
			open = append(open, w.episodes[id])
		}
	}
	return open, nil
}

func (w *world) SaveEpisodes(_ context.Context, episodes []vigil.Episode, decisions []vigil.Decision) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	for _, ep := range episodes {
		if _, ok := w.episodes[ep.ID]; !ok {
			w.order = append(w.order, ep.ID)
		}
		w.episodes[ep.ID] = ep
	}
	w.decisions = append(w.decisions, decisions...)
	if _, err := json.Marshal(decisions); err != nil {
		w.t.Errorf("a decision cannot be stored: %v", err)
	}
	return nil
}

func (w *world) Known(context.Context) ([]flow.Known, error) {
	return slices.Collect(maps.Values(w.known)), nil
}

func (w *world) SaveKnown(_ context.Context, known, forgotten []flow.Known) error {
	for _, k := range forgotten {
		delete(w.known, k.Policy+"|"+k.Target.String())
	}
	for _, k := range known {
		w.known[k.Policy+"|"+k.Target.String()] = k
	}
	return nil
}

// The healer and the span exporter.

type treat struct{ w *world }

func (t treat) Fired(_ context.Context, f flow.Firing) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if stored := t.w.episodes[f.Episode.ID]; stored.FiredAt.IsZero() {
		t.w.t.Errorf("told of episode %s, which on disk has not fired but is %q", f.Episode.ID, stored.State)
	}
	t.w.told = append(t.w.told, "fired "+f.Episode.Target.String())
	t.w.firings = append(t.w.firings, f)
	select {
	case t.w.heard <- f:
	default:
	}
	return nil
}

func (t treat) Cleared(_ context.Context, name string, target vigil.Target, _ time.Time) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.w.deaf == nil {
		t.w.told = append(t.w.told, "cleared "+target.String())
	}
	return t.w.deaf
}

func (t treat) Strayed(_ context.Context, s flow.Stray) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.w.broken != nil {
		return t.w.broken
	}
	t.w.strays = append(t.w.strays, s)
	return nil
}

func (t treat) Judged(_ context.Context, j flow.Judged) error {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.w.judged = append(t.w.judged, j)
	return nil
}

func (w *world) Emit(spans ...flow.Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spans = append(w.spans, spans...)
}

// queries is a history that answers what a test says. An expression is a word;
// sum() gives no labels, and rate() looks back five minutes.
type queries struct{ w *world }

func (q queries) Form(text string) (flow.QueryForm, error) {
	switch text {
	case "(":
		return flow.QueryForm{}, vigil.Errorf(vigil.Invalid, "query_invalid", "query cannot be read").With("field", "select.query")
	case "sum()":
		return flow.QueryForm{}, nil
	case "rate()":
		return flow.QueryForm{Open: true, Reach: 5 * time.Minute}, nil
	}
	return flow.QueryForm{Open: true}, nil
}

func (q queries) Ask(ctx context.Context, ask flow.Query) ([]flow.QueryResult, error) {
	q.w.mu.Lock()
	q.w.questions = append(q.w.questions, ask)
	answer := q.w.answer
	q.w.mu.Unlock()
	return answer(ctx, ask)
}

// The modules and their guests.

type guests struct{ w *world }

func (g guests) OpenPolicy(context.Context, string) (policy.Guest, error) {
	g.w.mu.Lock()
	defer g.w.mu.Unlock()
	g.w.opened++
	return &threshold{world: g.w, above: map[uint32]float64{}}, nil
}

type modules struct{}

func (modules) Resolve(_ context.Context, ref string) (vigil.Module, error) {
	switch ref {
	case "threshold":
		return vigil.Module{Name: ref, Kind: vigil.PolicyModule, Digest: "sha256:aa", Settings: []byte(`"abvoe"`)}, nil
	case "restart-service":
		return vigil.Module{Name: ref, Kind: vigil.ActionModule, Digest: "sha256:bb", Settings: []byte(`"gently"`)}, nil
	case "reboot":
		return vigil.Module{Name: ref, Kind: vigil.ActionModule, Digest: "sha256:cc", Requires: []vigil.Requirement{{Capability: "host.reboot", Target: "host:*"}}}, nil
	}
	return vigil.Module{}, vigil.Errorf(vigil.NotFound, "module_not_found", "no module %q", ref)
}

func (modules) InForce(context.Context, string) ([]vigil.Grant, error) { return nil, nil }
