package remedy_test

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/remedy"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// history drives Step through random events and checks after each what must
// always hold. The ledger's refusals are checks of their own.
type history struct {
	state  remedy.State
	fleet  remedy.Fleet
	led    *ledger
	now    time.Time
	n      uint64
	leases []flow.Lease
	fences map[string]uint64
	begun  map[uint64]bool // fences whose start was agreed to
}

func newHistory() *history {
	h := &history{led: newLedger(), now: start, fences: map[string]uint64{}, begun: map[uint64]bool{}}
	h.restart()
	return h
}

func (h *history) restart() {
	t, _ := h.led.LoadTreatment(nil) //nolint:staticcheck // the ledger of the tests reads no context
	var ended []vigil.Remediation
	for _, id := range slices.Backward(h.led.order) {
		if r := h.led.rows[id]; r.State == vigil.Unknown || r.State == vigil.TimedOut || r.State == vigil.Cancelled {
			ended = append(ended, r)
		}
	}
	h.state = remedy.NewState("default", h.now, remedy.DefaultManual(), h.fleet, t, ended)
}

// step takes one event twice, to see that it is deterministic and leaves the
// state it was given alone, then makes its change durable.
func (h *history) step(t *rapid.T, body remedy.Body, waiting int) remedy.Effects {
	h.n++
	e := remedy.Event{Body: body, Waiting: map[string]int{}, Actions: map[string]remedy.Action{}}
	binary.LittleEndian.PutUint64(e.Seed[:], h.n)
	if waiting > 0 {
		e.Waiting["local"] = waiting
	}
	for _, name := range []string{"restart-service", "careful", "sha256:restart-service", "sha256:careful"} {
		m, g, _ := registry{}.Action(nil, name) //nolint:staticcheck // the registry of the tests reads no context
		e.Actions[name] = remedy.Action{Module: m, Grants: g}
	}
	next, out := remedy.Step(h.state, e, h.now)
	_, again := remedy.Step(h.state, e, h.now)
	if diff := cmp.Diff(comparable(out), comparable(again)); diff != "" {
		t.Fatalf("%T: the same step twice differs:\n%s", body, diff)
	}
	h.check(t, body, out)
	if err := h.led.Apply(t.Context(), out.Change); err != nil {
		t.Fatalf("%T: the ledger refuses: %v", body, err)
	}
	h.state = next
	for _, l := range out.Leases {
		h.lease(t, l.Lease)
	}
	h.checkRows(t)
	return out
}

// comparable is the part of the effects that go-cmp can look into.
func comparable(e remedy.Effects) any {
	msg := ""
	if e.Err != nil {
		msg = e.Err.Error()
	}
	return []any{e.Change, e.Leases, e.Spans, e.Held, e.Remediation, e.Renewal.Cancel, e.Wait, msg}
}

// check looks at a change before it is made.
func (h *history) check(t *rapid.T, body remedy.Body, out remedy.Effects) {
	if len(out.Missing) > 0 || vigil.CodeOf(out.Err) == "no_edge" {
		t.Fatalf("%T: missing %v, %v", body, out.Missing, out.Err)
	}
	for _, rec := range out.Change.Audit {
		from, to := vigil.State(rec.From), vigil.State(rec.To)
		if rec.Verb == "remediation."+rec.To && rec.From != "" && !from.CanBecome(to) {
			t.Fatalf("%T: %s from %s to %s", body, rec.Object, from, to)
		}
		starts := rec.Verb == "remediation.leased" || rec.Verb == "remediation.running"
		lifted := out.Change.KillSwitch != nil && !out.Change.KillSwitch.Engaged
		if starts && h.led.ks.Engaged && !lifted {
			t.Fatalf("%T: %s under the kill switch", body, rec.Verb)
		}
		if starts {
			h.checkBrakes(t, body, rec, out.Change)
		}
	}
	for _, r := range out.Change.Remediations {
		was, known := h.led.rows[r.ID]
		if known && was.State.Final() && was.State != vigil.Unknown && was.State != r.State {
			t.Fatalf("%T: %s left %s for %s", body, r.ID, was.State, r.State)
		}
		if r.State == vigil.Healed && r.Verification.Firing {
			t.Fatalf("%T: %s healed while it fires", body, r.ID)
		}
	}
}

// checkBrakes sees that no brake should have kept a start from being made: none
// that was durable before and is not taken away by the same change.
func (h *history) checkBrakes(t *rapid.T, body remedy.Body, rec vigil.AuditRecord, c flow.Change) {
	target, policy := mustTarget(rec.Target), ""
	for _, r := range c.Remediations {
		if r.ID == rec.Object {
			policy = r.Policy
		}
	}
	for id, p := range h.led.pauses {
		if p.Covers(policy, target) && !slices.Contains(c.Brakes.Lifted, id) {
			t.Fatalf("%T: %s of %s under pause %s", body, rec.Verb, rec.Target, id)
		}
	}
	for name, w := range h.led.windows {
		if w.Covers(policy, target) && !h.now.Before(w.From) && h.now.Before(w.Until) && !slices.Contains(c.Brakes.Removed, name) {
			t.Fatalf("%T: %s of %s under maintenance %s", body, rec.Verb, rec.Target, name)
		}
	}
}

// checkRows looks at what is durable.
func (h *history) checkRows(t *rapid.T) {
	running := map[string]string{}
	for id, r := range h.led.rows {
		if len(r.Attempts) > 0 && r.Open() && r.State != vigil.Running {
			if a := r.Current(); !a.StartedAt.IsZero() && a.EndedAt.IsZero() {
				t.Fatalf("%s is %s with an attempt that never ended", id, r.State)
			}
		}
		if r.State != vigil.Running {
			continue
		}
		if other, two := running[r.Target.String()]; two {
			t.Fatalf("%s and %s run on %s", id, other, r.Target)
		}
		running[r.Target.String()] = id
		if !h.begun[r.Current().Fence] {
			t.Fatalf("%s runs, but nobody was told to start fence %d", id, r.Current().Fence)
		}
	}
}

func (h *history) lease(t *rapid.T, l flow.Lease) {
	key := l.Target.String()
	if l.Fence <= h.fences[key] {
		t.Fatalf("fence of %s went from %d to %d", key, h.fences[key], l.Fence)
	}
	h.fences[key] = l.Fence
	h.leases = append(h.leases, l)
}

func (h *history) policies() []flow.PolicyRow {
	quick, slow := cpuHigh(), cpuHigh()
	slow.Name, slow.Target, slow.RecoverFor = "slow", "service:web", 0
	slow.Runbook = []vigil.Step{{Action: "careful", Timeout: secs(5)}, {Action: "restart-service"}}
	slow.Guards.Cooldown, slow.Guards.Budget.N, slow.Mode = secs(4), 5, vigil.Suggest
	both := slow
	both.Name, both.Target, both.Mode = "both", "service:web@host-1", vigil.Auto
	return []flow.PolicyRow{quick, slow, both}
}

func (h *history) anID(t *rapid.T) string {
	if len(h.led.order) == 0 {
		return "rem-none"
	}
	return rapid.SampledFrom(h.led.order).Draw(t, "id")
}

// aLease is one that was ever handed out: also those that no longer stand.
func (h *history) aLease(t *rapid.T) flow.Lease {
	if len(h.leases) == 0 {
		t.Skip("no lease yet")
	}
	recent := h.leases[max(0, len(h.leases)-4):]
	return rapid.SampledFrom(recent).Draw(t, "lease")
}

func (h *history) begin(t *rapid.T, l flow.Lease) {
	h.begun[l.Fence] = true // whatever the answer: only agreed ones may show as running
	if out := h.step(t, remedy.Started{Lease: l}, 0); out.Err != nil {
		return
	}
	r := h.led.rows[l.Remediation]
	if r.State != vigil.Running || r.Current().Fence != l.Fence || r.Current().StartedAt.IsZero() {
		t.Fatalf("start of %s agreed to without a durable intent: %s", l.Remediation, r.State)
	}
}

func (h *history) actions() map[string]func(*rapid.T) {
	flip := func(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }
	poll := func(t *rapid.T) int { return rapid.IntRange(0, 1).Draw(t, "waiting") }
	policy := func(t *rapid.T) flow.PolicyRow { return rapid.SampledFrom(h.policies()).Draw(t, "policy") }
	pass := func(t *rapid.T) {
		h.now = h.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
	}
	return map[string]func(*rapid.T){
		"fire": func(t *rapid.T) {
			pass(t)
			w := ward{clock: &clock{at: h.now}}
			p := policy(t)
			p.Revision += int64(bit(rapid.IntRange(0, 9).Draw(t, "edited") == 0))
			h.step(t, remedy.Fired{Firing: w.firing(p)}, poll(t))
		},
		"judge": func(t *rapid.T) {
			pass(t)
			p := policy(t)
			verdict := rapid.SampledFrom([]vigil.Verdict{vigil.VerdictOK, vigil.VerdictFire, vigil.VerdictNoData}).Draw(t, "verdict")
			h.step(t, remedy.Judged{Judged: flow.Judged{Policy: p.Name, Target: mustTarget(p.Target), Verdict: verdict, SampleAt: h.now, ReceivedAt: h.now}}, poll(t))
		},
		"clear": func(t *rapid.T) {
			p := policy(t)
			h.step(t, remedy.Cleared{Policy: p.Name, Target: mustTarget(p.Target), At: h.now}, poll(t))
		},
		"register": func(t *rapid.T) {
			h.step(t, remedy.Registered{Remediator: hands("local", "host-1", "backend", "web")}, poll(t))
		},
		"poll":  func(t *rapid.T) { h.step(t, remedy.Polled{Remediator: "local"}, 1) },
		"start": func(t *rapid.T) { h.begin(t, h.aLease(t)) },
		"beat":  func(t *rapid.T) { h.step(t, remedy.Beat{Lease: h.aLease(t)}, 0) },
		"finish": func(t *rapid.T) {
			pass(t)
			l := h.aLease(t)
			h.step(t, remedy.Finished{Report: flow.Report{
				Remediation: l.Remediation, Attempt: l.Attempt, Fence: l.Fence, OK: flip(t, "ok"), Started: rapid.IntRange(0, 3).Draw(t, "started") > 0,
				EndedAt: h.now, PID: 42,
			}}, poll(t))
		},
		"observe": func(t *rapid.T) {
			pass(t)
			h.step(t, remedy.Observed{ReceivedAt: h.now, Facts: []remedy.Fact{{Service: "web", At: h.now, Up: flip(t, "up"), PID: 42}}}, poll(t))
		},
		"wish": func(t *rapid.T) {
			h.step(t, remedy.Wished{Wish: wish("web"), Patient: flip(t, "patient")}, poll(t))
		},
		"approve": func(t *rapid.T) { h.step(t, remedy.Approved{ID: h.anID(t), By: "ann"}, poll(t)) },
		"deny":    func(t *rapid.T) { h.step(t, remedy.Denied{ID: h.anID(t), By: "ann"}, poll(t)) },
		"cancel":  func(t *rapid.T) { h.step(t, remedy.Cancelled{ID: h.anID(t), By: "ann"}, poll(t)) },
		"switch": func(t *rapid.T) {
			h.step(t, remedy.Switched{To: flow.KillSwitch{Engaged: rapid.IntRange(0, 2).Draw(t, "engaged") == 0, By: "ann"}}, poll(t))
		},
		"pause": func(t *rapid.T) {
			p := vigil.Pause{Holder: rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "holder"), By: "ann", Reason: "r", Scope: aScope(t)}
			h.step(t, remedy.Paused{Pause: p, For: secs(float64(rapid.IntRange(0, 30).Draw(t, "for")))}, poll(t))
		},
		"resume": func(t *rapid.T) {
			h.step(t, remedy.Resumed{Who: rapid.SampledFrom([]string{"ann", "bob", "nobody"}).Draw(t, "who"), By: "ann"}, poll(t))
		},
		"maintain": func(t *rapid.T) {
			w := vigil.Window{Name: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"), By: "ann", Scope: aScope(t), From: h.now.Add(secs(float64(rapid.IntRange(-5, 5).Draw(t, "from"))).D())}
			h.step(t, remedy.MaintenanceSet{Window: w, For: secs(float64(rapid.IntRange(1, 30).Draw(t, "for")))}, poll(t))
		},
		"maintained": func(t *rapid.T) { h.step(t, remedy.MaintenanceRemoved{Name: "a", By: "ann"}, poll(t)) },
		"jump": func(t *rapid.T) {
			ahead := time.Duration(rapid.IntRange(-60, 60).Draw(t, "ahead")) * time.Second
			h.now = h.now.Add(ahead)
			h.step(t, remedy.Jumped{Ahead: ahead}, 0)
		},
		"tick": func(t *rapid.T) {
			h.now = h.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "s")) * time.Second)
			h.step(t, remedy.Ticked{}, poll(t))
		},
		"restart": func(*rapid.T) { h.restart() },
	}
}

func aScope(t *rapid.T) vigil.Scope {
	return rapid.SampledFrom([]vigil.Scope{
		{}, {Policy: "slow"}, {Policy: "cpu-high"}, {Target: "service:web"}, {Target: "service:*@host-*"}, {Target: "host:host-2"},
	}).Draw(t, "scope")
}

// drain lets time pass without any executor: whatever was started must end.
func (h *history) drain(t *rapid.T) {
	for range 30 {
		h.now = h.now.Add(20 * time.Second)
		h.step(t, remedy.Ticked{}, 0)
	}
	for id, r := range h.led.rows {
		switch r.State {
		case vigil.Leased, vigil.Running, vigil.Verifying:
			t.Fatalf("%s is still %s after everything stopped", id, r.State)
		default:
		}
	}
}

func TestStep_KeepsItsPromisesInEveryHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		h.step(t, remedy.Registered{Remediator: hands("local", "host-1", "backend", "web")}, 0)
		t.Repeat(h.actions())
		h.drain(t)
	})
}

func TestStep_RefusesAVerbThatTheStateForbids(t *testing.T) {
	t.Parallel()
	h := newHistory()
	r := vigil.Remediation{ID: "rem-1", State: vigil.Verifying, Origin: vigil.FromPolicy, Target: placed, Version: 1}
	if err := h.led.Apply(t.Context(), flow.Change{Remediations: []vigil.Remediation{r}}); err != nil {
		t.Fatal(err)
	}
	h.restart()
	_, out := remedy.Step(h.state, remedy.Event{Body: remedy.Cancelled{ID: "rem-1", By: "ann"}}, h.now)
	if vigil.KindOf(out.Err) != vigil.Conflict || len(out.Change.Audit) > 0 {
		t.Errorf("Cancel of what verifies = %v with %d records, want a conflict and none", out.Err, len(out.Change.Audit))
	}
}
