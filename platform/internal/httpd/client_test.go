package httpd_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The client and the server are two halves of one contract: each call goes
// through a real socket.

func connect(t *testing.T, w *world) (*client.Client, *box) {
	t.Helper()
	b := start(t, w, nil)
	c, err := client.New(b.url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, b
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestClient_SendsAndReadsSamples(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.receipt = flow.Receipt{Accepted: 1, Rejected: []flow.Rejection{{Index: 1, Field: "ts", Code: "sample_too_old"}}}
	at := time.Unix(1700000000, 5000).UTC()
	w.samples = []vigil.Sample{{Name: "a", Value: 1, Time: at, Labels: vigil.Labels{}}}
	c, _ := connect(t, w)
	how := client.Sending{Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", SentAt: at}
	got := must[client.Receipt](t)(c.Ingest(t.Context(), w.samples, how))
	if got.Accepted != 1 || len(got.Rejected) != 1 {
		t.Errorf("receipt = %+v", got)
	}
	if asked := w.asked[0]; !asked.SentAt.Equal(at) || asked.Trace.String() != how.Trace {
		t.Errorf("arrived as %+v", asked)
	}
	if diff := cmp.Diff(w.samples, must[[]vigil.Sample](t)(c.Latest(t.Context(), 10, "a"))); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Errorf("Ready() = %v", err)
	}
}

func TestClient_SpeaksTheLeaseProtocol(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.renewal = flow.Renewal{Cancel: true, Grants: []vigil.Grant{{ID: "g-1", Capability: "service.restart", Target: "service:web"}}}
	c, _ := connect(t, w)
	ctx := t.Context()
	if err := c.Register(ctx, vigil.Remediator{ID: "r1", Host: "h", Services: []vigil.ServiceStatus{{Service: "web"}}}); err != nil {
		t.Fatal(err)
	}
	if got := must[[]vigil.Remediator](t)(c.Remediators(ctx)); len(got) != 1 || got[0].SeenAt.IsZero() {
		t.Errorf("targets = %+v", got)
	}
	if none := must[*vigil.Lease](t)(c.Lease(ctx, "r1", 10*time.Millisecond)); none != nil {
		t.Errorf("lease = %+v, want none", none)
	}
	want := vigil.Lease{
		Remediation: "rem-1", Fence: 1<<63 + 1, Target: vigil.Target{Kind: "service", Name: "web", Host: "h"},
		With: []byte(`{"a":1}`), Timeout: vigil.Duration(time.Second), Until: time.Unix(1700000000, 0).UTC(),
	}
	w.work <- want
	got := must[*vigil.Lease](t)(c.Lease(ctx, "r1", time.Minute))
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
	if err := c.Start(ctx, *got); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(w.renewal, must[vigil.Renewal](t)(c.Heartbeat(ctx, *got))); diff != "" {
		t.Errorf("renewal (-want +got):\n%s", diff)
	}
	w.renewal = flow.Renewal{Grants: []vigil.Grant{}}
	if now := must[vigil.Renewal](t)(c.Heartbeat(ctx, *got)); now.Grants == nil {
		t.Error("no grants became not to know")
	}
	report := vigil.Report{Remediation: "rem-1", OK: true, Started: true, PID: 7, Log: []string{"done"}}
	if err := c.Finish(ctx, report); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]flow.Report{report}, w.reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func TestClient_RequestsAndAwaits(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c, _ := connect(t, w)
	ctx := t.Context()
	rem := must[vigil.Remediation](t)(c.Request(ctx, vigil.Wish{By: "forged", Target: vigil.Target{Kind: "service", Name: "web"}, Action: "restart-service", Key: "k"}))
	if rem.ID != "rem-1" || w.wishes[0].By != "local" || w.wishes[0].Key != "k" {
		t.Errorf("remediation %+v of wish %+v", rem, w.wishes)
	}
	acted := make(chan vigil.Remediation, 1)
	go func() {
		rem, err := c.Await(ctx, "rem-1", client.Acted)
		if err != nil {
			t.Error(err)
		}
		acted <- rem
	}()
	w.become(vigil.Running)
	w.become(vigil.Verifying)
	if got := receive(t, acted); got.State != vigil.Verifying {
		t.Errorf("state = %s", got.State)
	}
	w.become(vigil.Failed)
	_, err := c.Await(ctx, "rem-1", func(r vigil.Remediation) bool { return r.State == vigil.Healed })
	if vigil.CodeOf(err) != "remediation_ended" {
		t.Errorf("await of what cannot come = %v", err)
	}
	w.become(vigil.Planned)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := c.Await(short, "rem-1", client.Ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("await beyond the caller's patience = %v", err)
	}
	if got := must[vigil.Remediation](t)(c.Cancel(ctx, "rem-1")); got.State != vigil.Cancelled {
		t.Errorf("cancelled = %s", got.State)
	}
}

func TestClient_ManagesModulesAndPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld()
	c, _ := connect(t, w)
	ctx := t.Context()
	m, known, err := c.UploadModule(ctx, []byte("\x00asm"))
	if err != nil || known || m.Digest != "sha256:aa" {
		t.Fatalf("upload = %+v %v %v", m, known, err)
	}
	if _, known, _ = c.UploadModule(ctx, []byte("\x00asm")); !known {
		t.Error("the second upload is not known")
	}
	if got := must[[]byte](t)(c.ModuleBytes(ctx, m.Digest)); string(got) != "\x00asm" {
		t.Errorf("bytes = %q", got)
	}
	if got := must[[]vigil.StateEntry](t)(c.ModuleState(ctx, "threshold@1.0.0", "a b&")); len(got) != 1 || got[0].Key != "a b&seen/threshold@1.0.0" || len(got[0].Value) != 2 {
		t.Errorf("state = %+v", got)
	}
	if err := c.RemoveModuleState(ctx, "threshold", "x/y z"); err != nil {
		t.Errorf("remove state: %v", err)
	}
	if err := c.RemoveModuleState(ctx, "threshold", "gone"); vigil.CodeOf(err) != "state_not_found" {
		t.Errorf("remove what is not there: %v", err)
	}
	if err := c.RemoveModuleState(ctx, "threshold", ""); vigil.CodeOf(err) != "parameter_invalid" {
		t.Errorf("remove nothing: %v", err)
	}
	must[vigil.Grant](t)(c.Grant(ctx, vigil.Grant{Digest: m.Digest, Capability: "service.restart", Target: "service:*"}))
	if got := must[[]vigil.Grant](t)(c.Grants(ctx, "threshold")); len(got) != 1 || got[0].By != "local" {
		t.Errorf("grants = %+v", got)
	}
	doc := []byte(`{"name":"cpu-high","module":"threshold","select":"cpu_usage","target":"service:web","for":"2s"}`)
	p, created, err := c.ApplyPolicy(ctx, "cpu-high", "application/json", doc)
	if err != nil || !created || p.For.D() != 2*time.Second {
		t.Errorf("apply = %+v %v %v", p, created, err)
	}
	if p, created, err := c.ApplyPolicy(ctx, "cpu-high", "application/json", doc); err != nil || created || p.Applied != "unchanged" {
		t.Errorf("apply again = %+v %v %v, want unchanged", p, created, err)
	}
	if got := must[[]client.AppliedPolicy](t)(c.Policies(ctx)); len(got) != 1 || got[0].AppliedBy != "local" {
		t.Errorf("policies = %+v", got)
	}
	if err := c.DeletePolicy(ctx, "cpu-high"); err != nil {
		t.Error(err)
	}
	_, err = c.Policy(ctx, "cpu-high")
	if vigil.KindOf(err) != vigil.NotFound || vigil.CodeOf(err) != "policy_not_found" {
		t.Errorf("deleted policy = %v", err)
	}
	if k := must[client.KillSwitch](t)(c.SetKillSwitch(ctx, true, "storm")); !k.Engaged || k.By != "local" || k.Reason != "storm" {
		t.Errorf("kill switch = %+v", k)
	}
	must[[]vigil.AuditRecord](t)(c.Audit(ctx, 0, 10))
	must[[]vigil.Episode](t)(c.Episodes(ctx, 10))
	must[[]vigil.Decision](t)(c.Decisions(ctx, "cpu-high", 0))
	must[[]vigil.Remediation](t)(c.Remediations(ctx, client.Filter{State: vigil.Healed, Limit: 5}))
	if d := must[vigil.Decision](t)(c.Decision(ctx, "dec-1")); d.ID != "dec-1" {
		t.Errorf("decision = %+v", d)
	}
}

func TestClient_CarriesTheServersReasons(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.fails = vigil.Errorf(vigil.Held, "held", "cooldown ends in 2m").With("reason", "cooldown").
		With("retry_at", time.Unix(1700000000, 0).UTC()).Hinted("vigil why web")
	c, b := connect(t, w)
	_, err := c.Request(t.Context(), vigil.Wish{Target: vigil.Target{Kind: "service", Name: "web"}, Action: "x"})
	hold, ok := client.Held(err)
	if !ok || hold.Reason != vigil.BlockCooldown || hold.RetryAt.Unix() != 1700000000 || vigil.AsError(err).Hint != "vigil why web" {
		t.Errorf("held = %+v %v (%v)", hold, ok, err)
	}
	if _, retry := client.Retryable(err); retry {
		t.Error("a held wish is no case for a blind retry")
	}
	w.fails = vigil.Errorf(vigil.Busy, "series_limit", "full").With("retry_after", 3)
	_, err = c.Ingest(t.Context(), nil, client.Sending{})
	if after, retry := client.Retryable(err); !retry || after != 3*time.Second || vigil.CodeOf(err) != "series_limit" {
		t.Errorf("busy = %v after %v (%v)", retry, after, err)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	_, err = c.Ingest(t.Context(), nil, client.Sending{})
	if _, retry := client.Retryable(err); !retry || vigil.CodeOf(err) != "server_unreachable" || vigil.AsError(err).Hint == "" {
		t.Errorf("nobody there = %v", err)
	}
}

func TestClient_MarksTargetsAndResetsBreakers(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.breakers = []vigil.Breaker{{Policy: "cpu-high", Why: vigil.WhyFailing, State: vigil.BreakerTripped}}
	c, b := connect(t, w)
	ctx := t.Context()
	web := vigil.Target{Kind: "service", Name: "web", Host: "h-1"}
	if err := c.MarkTarget(ctx, web, "protected", "by hand"); err != nil {
		t.Fatal(err)
	}
	want := vigil.Mark{Protected: true, By: "local", Reason: "by hand"}
	if got := must[[]vigil.KnownTarget](t)(c.Targets(ctx)); len(got) != 1 || got[0].Target != web || got[0].Mark != want {
		t.Errorf("targets = %+v", got)
	}
	b.do("POST", "/api/v1/targets/web", `{"mark":"protected"}`).want(t, 422, "target_out_of_scope")
	if got := must[[]vigil.Breaker](t)(c.Breakers(ctx)); len(got) != 1 || got[0].Why != vigil.WhyFailing {
		t.Errorf("breakers = %+v", got)
	}
	if err := c.ResetBreaker(ctx, "cpu-high"); err != nil {
		t.Fatal(err)
	}
	if err := c.ResetBreaker(ctx, "cpu-high"); vigil.CodeOf(err) != "breaker_closed" {
		t.Errorf("a second reset = %v", err)
	}
}
