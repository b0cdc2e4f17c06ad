package capability

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// allowExactly stands for the registry's grant check.
func allowExactly(grants []vigil.Grant, capability, target string, _ time.Time) error {
	for _, g := range grants {
		if g.Capability == capability && g.Target == target {
			return nil
		}
	}
	return vigil.Errorf(vigil.Held, "capability_denied", "no grant of %s on %s", capability, target)
}

// bench is a broker over one real service, and what it emitted.
type bench struct {
	services *Services
	session  *Session
	spans    []flow.Span
	trace    flow.SpanContext
	lost     error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{trace: flow.NewTrace()}
	b.services = open(t, t.TempDir(), map[string]ServiceConfig{"web": asRole("sleeper"), "db": asRole("sleeper")})
	broker := NewBroker(BrokerOptions{
		Services: b.services, Budgets: t.TempDir(), Allows: allowExactly, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Emit: func(s ...flow.Span) { b.spans = append(b.spans, s...) },
	})
	lease := flow.Lease{Remediation: "rem-1", Target: vigil.Target{Kind: "service", Name: "web", Host: "h1"}}
	for _, c := range []string{"service.restart", "service.status"} {
		lease.Grants = append(lease.Grants, vigil.Grant{Capability: c, Target: "service:web"})
	}
	lease.Grants = append(lease.Grants, vigil.Grant{Capability: "service.restart", Target: "service:db"})
	b.session = broker.ForLease(lease, b.trace, func() error { return b.lost }, func() []vigil.Grant { return b.session.lease.Grants })
	return b
}

func (b *bench) call(t *testing.T, op, req string) vigil.CallReply {
	t.Helper()
	var r vigil.CallReply
	if err := json.Unmarshal(b.session.Call(t.Context(), op, []byte(req)), &r); err != nil {
		t.Fatalf("reply to %s is no CallReply: %v", op, err)
	}
	return r
}

// TestSession_AsksForTheGrantsBeforeTheCallAndBeforeTheEffect: one that is taken
// back at either moment leaves the service as it was.
func TestSession_AsksForTheGrantsBeforeTheCallAndBeforeTheEffect(t *testing.T) {
	t.Parallel()
	for asked := range 3 { // how often the grants are there
		b := newBench(t)
		before, err := b.services.Start(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		grants, times := b.session.lease.Grants, 0
		b.session.granted = func() []vigil.Grant {
			if times++; times > asked {
				return nil
			}
			return grants
		}
		reply := b.call(t, "service.restart", `{"service":"web"}`)
		after, err := b.services.Status("web")
		if err != nil {
			t.Fatal(err)
		}
		if done := asked >= 2; reply.OK != done || (after.PID != before.PID) != done || !done && reply.Code != "capability_denied" {
			t.Errorf("granted for %d looks: reply %+v, process %d became %d", asked, reply, before.PID, after.PID)
		}
	}
}

// TestSession_ACancelThatComesWithTheGrantsStopsTheEffect: to ask for the grants
// is to ask the collector, whose answer may be that its kill switch is engaged.
func TestSession_ACancelThatComesWithTheGrantsStopsTheEffect(t *testing.T) {
	t.Parallel()
	for asked := range 2 { // how often the collector agrees
		b := newBench(t)
		before, err := b.services.Start(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		grants, times := b.session.lease.Grants, 0
		b.session.granted = func() []vigil.Grant {
			if times++; times > asked {
				b.lost = vigil.Errorf(vigil.Held, "cancelled", "the collector asked to stop")
			}
			return grants
		}
		reply := b.call(t, "service.restart", `{"service":"web"}`)
		if after, err := b.services.Status("web"); err != nil || after.PID != before.PID || reply.Code != "cancelled" {
			t.Errorf("cancelled at look %d: reply %+v, process %d became %d, %v", asked+1, reply, before.PID, after.PID, err)
		}
	}
}

func TestSession_DoesWhatWasGrantedAndTellsIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before, err := b.services.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	reply := b.call(t, "service.restart", `{"service":"web"}`)
	var st vigil.ServiceStatus
	if err := json.Unmarshal(reply.Data, &st); err != nil || !reply.OK || st.PIDBefore != before.PID || st.PID == before.PID {
		t.Fatalf("reply = %+v with %s, want another process than %d", reply, reply.Data, before.PID)
	}
	calls := b.session.Calls()
	if len(calls) != 1 || calls[0].Op != "service.restart" || calls[0].Target != "service:web" || calls[0].Code != "" ||
		string(calls[0].Request) != `{"service":"web"}` || string(calls[0].Reply) != string(reply.Data) {
		t.Errorf("transcript = %+v, want the one call", calls)
	}
	if len(b.spans) != 1 || b.spans[0].Parent != b.trace.Span || b.spans[0].Context.Trace != b.trace.Trace || b.spans[0].Err != "" {
		t.Errorf("spans = %+v, want one under the action's", b.spans)
	}
}

func TestSession_RefusesBeforeTheEffect(t *testing.T) {
	t.Parallel()
	f := func(name, op, req string, lost error, code string) {
		t.Helper()
		b := newBench(t)
		st, err := b.services.Start(t.Context(), "web")
		if err != nil {
			t.Fatal(err)
		}
		b.lost = lost
		if reply := b.call(t, op, req); reply.OK || reply.Code != code {
			t.Errorf("%s: reply = %+v, want code %q", name, reply, code)
		}
		if calls := b.session.Calls(); len(calls) != 1 || calls[0].Code != code || len(calls[0].Op) > 64 {
			t.Errorf("%s: transcript = %+v, want one line with code %q", name, calls, code)
		}
		if _, err := json.Marshal(b.session.Calls()); err != nil {
			t.Errorf("%s: transcript cannot be encoded: %v", name, err)
		}
		if len(b.spans) != 1 || b.spans[0].Err == "" {
			t.Errorf("%s: spans = %+v, want one that failed", name, b.spans)
		}
		if now, err := b.services.Status("web"); err != nil || now.PID != st.PID {
			t.Errorf("%s: status = %+v, %v, want process %d untouched", name, now, err, st.PID)
		}
	}
	web := `{"service":"web"}`
	stale := vigil.Errorf(vigil.Conflict, "fence_stale", "a later lease was served")
	f("unknown capability", "service.wipe", web, nil, "capability_unknown")
	f("long capability", strings.Repeat("é", 1000), web, nil, "capability_unknown")
	f("not granted", "service.stop", web, nil, "capability_denied")
	f("granted, but not the lease's target", "service.restart", `{"service":"db"}`, nil, "capability_denied")
	f("lease lost", "service.restart", web, stale, "fence_stale")
	f("option instead of a name", "service.restart", `{"service":"--root=/tmp"}`, nil, "request_invalid")
	f("glob instead of a name", "service.restart", `{"service":"*"}`, nil, "request_invalid")
	f("second target", "service.restart", `{"service":"web@h2"}`, nil, "request_invalid")
	f("line break", "service.restart", `{"service":"web\nx"}`, nil, "request_invalid")
	f("unknown field", "service.restart", `{"service":"web","force":true}`, nil, "request_invalid")
	f("two requests", "service.restart", web+web, nil, "request_invalid")
	f("no JSON", "service.restart", "web", nil, "request_invalid")
	f("empty", "service.restart", "", nil, "request_invalid")
	f("huge", "service.restart", web+strings.Repeat(" ", MaxRequest), nil, "request_invalid")
}

func TestSession_LeaseLostWhileItWaitsForItsTurnHasNoEffect(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	st, err := b.services.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	turn := b.services.byName["web"].verb
	turn <- struct{}{} // another verb is under way
	asked := make(chan struct{}, 2)
	b.session.holds = func() error {
		asked <- struct{}{}
		if len(asked) == 1 {
			<-turn // now it is over, and meanwhile a later lease was served
			return nil
		}
		return vigil.Errorf(vigil.Conflict, "fence_stale", "a later lease was served")
	}
	if reply := b.call(t, "service.restart", `{"service":"web"}`); reply.OK || reply.Code != "fence_stale" {
		t.Errorf("reply = %+v, want code fence_stale", reply)
	}
	if now, err := b.services.Status("web"); err != nil || now.PID != st.PID {
		t.Errorf("status = %+v, %v, want process %d untouched", now, err, st.PID)
	}
}

func TestSession_DryRunChecksAllAndDoesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	st, err := b.services.Start(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	reply := b.call(t, "service.restart", `{"service":"web","dry_run":true}`)
	if now, _ := b.services.Status("web"); !reply.OK || now.PID != st.PID {
		t.Errorf("reply = %+v, status = %+v, want process %d untouched", reply, now, st.PID)
	}
	if reply := b.call(t, "service.stop", `{"service":"web","dry_run":true}`); reply.Code != "capability_denied" {
		t.Errorf("reply = %+v, want the grant checked", reply)
	}
}

func TestSession_StatusNeedsNoLeaseButAGrant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.lost = vigil.Errorf(vigil.Timeout, "lease_lost", "gone")
	if reply := b.call(t, "service.status", `{"service":"web"}`); !reply.OK {
		t.Errorf("reply = %+v, want the status", reply)
	}
}

func TestSession_EndsAGuestThatCallsWithoutEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var last vigil.CallReply
	for range maxCalls + 1 {
		last = b.call(t, "service.status", `{"service":"web"}`)
	}
	if last.Code != "guest_quota" || len(b.session.Calls()) != maxCalls {
		t.Errorf("last reply = %+v after %d lines, want it refused after %d", last, len(b.session.Calls()), maxCalls)
	}
}

func FuzzDecodeService(f *testing.F) {
	f.Add([]byte(`{"service":"web"}`))
	f.Add([]byte(`{"service":"web","dry_run":true}`))
	f.Add([]byte(`{"service":"-H evil"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeService(b)
		if err != nil {
			return
		}
		if got, err := vigil.ParseTarget("service:" + r.Service); err != nil || got.Name != r.Service {
			t.Errorf("decodeService(%q) let %q through", b, r.Service)
		}
	})
}
