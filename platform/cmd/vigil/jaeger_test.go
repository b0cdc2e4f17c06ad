package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// jaeger is a real Jaeger beside the test.
type jaeger struct{ otlp, query string }

// startJaeger starts the Jaeger that scripts/test built.
func startJaeger(t *testing.T) jaeger {
	t.Helper()
	bin := builtTool(t, "VIGIL_JAEGER", "jaeger-v1.76.0")
	free := func() string { return freeAddr(t) }
	j := jaeger{otlp: "http://" + free(), query: "http://" + free()}
	addr := func(url string) string { return strings.TrimPrefix(url, "http://") }
	cmd := exec.Command(bin,
		"--admin.http.host-port", free(), "--collector.grpc-server.host-port", free(), "--collector.http-server.host-port", free(),
		"--collector.otlp.grpc.host-port", free(), "--collector.otlp.http.host-port", addr(j.otlp),
		"--query.grpc-server.host-port", free(), "--query.http-server.host-port", addr(j.query))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	until(t, 30*time.Second, "Jaeger answers", func() bool { return get(t.Context(), j.query+"/api/services", nil) == nil })
	return j
}

// builtTool is the path of a program that scripts/test built: variable holds it,
// or it has this name in the user's cache. Without it the test is skipped loudly,
// and fails where CI is set.
func builtTool(t testing.TB, variable, name string) string {
	t.Helper()
	bin := os.Getenv(variable)
	if bin == "" {
		bin = filepath.Join(os.Getenv("HOME"), ".cache/vigil/tools", name)
	}
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no %s: %v", name, err)
		}
		t.Skipf("SKIPPED, NO %s: %v; ./scripts/test builds it", strings.ToUpper(name), err)
	}
	return bin
}

// get decodes a JSON answer.
func get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// until polls a condition; what it waits for is said when it never comes.
func until(tb testing.TB, limit time.Duration, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// span is a span as Jaeger's JSON API tells it.
type span struct {
	ID, Name, Service, Parent string
	Start, End                time.Time
	Tags                      map[string]any
}

// trace reads a trace; it is empty as long as Jaeger has none.
func (j jaeger) trace(ctx context.Context, id string) []span {
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID, OperationName, ProcessID string
				StartTime, Duration              int64
				References                       []struct{ RefType, SpanID string }
				Tags                             []struct {
					Key   string
					Value any
				}
			}
			Processes map[string]struct{ ServiceName string }
		}
	}
	if get(ctx, j.query+"/api/traces/"+id, &answer) != nil || len(answer.Data) == 0 {
		return nil
	}
	var out []span
	for _, s := range answer.Data[0].Spans {
		one := span{
			ID: s.SpanID, Name: s.OperationName, Service: answer.Data[0].Processes[s.ProcessID].ServiceName,
			Start: time.UnixMicro(s.StartTime), End: time.UnixMicro(s.StartTime + s.Duration), Tags: map[string]any{},
		}
		for _, r := range s.References {
			if r.RefType == "CHILD_OF" {
				one.Parent = r.SpanID
			}
		}
		for _, tag := range s.Tags {
			one.Tags[tag.Key] = tag.Value
		}
		out = append(out, one)
	}
	return out
}

// path is the names of a span's ancestors and itself, root first, with the
// services that did the work.
func path(all []span, s span) string {
	names := []string{s.Service + "/" + s.Name}
	for s.Parent != "" {
		i := slices.IndexFunc(all, func(p span) bool { return p.ID == s.Parent })
		if i < 0 {
			return strings.Join(append([]string{"(missing parent)"}, names...), " > ")
		}
		s = all[i]
		names = append([]string{s.Service + "/" + s.Name}, names...)
	}
	return strings.Join(names, " > ")
}

// TestTrace_TellsTheWholeStoryAcrossProcesses runs an agent, a collector and a
// remediator as processes of their own and reads the remediation's trace from
// a real Jaeger. The agent's POST is not sampled: the firing makes its spans
// appear afterwards, with their real times.
func TestTrace_TellsTheWholeStoryAcrossProcesses(t *testing.T) {
	t.Parallel()
	j := startJaeger(t)
	dir := t.TempDir()
	f := spread(t, dir, "OTEL_EXPORTER_OTLP_ENDPOINT="+j.otlp)
	f.burn(t)
	r := f.healed(t)

	id := r.Trace[3:35]
	var paths []string
	var spans []span
	const evaluate = "vigil-agent/agent.send > vigil-collector/ingest > vigil-collector/evaluate"
	const remediation = evaluate + " > vigil-collector/remediation"
	const action = remediation + " > vigil-collector/lease > vigil-remediator/attempt > vigil-remediator/action restart-service"
	want := []string{
		"vigil-agent/agent.send",
		"vigil-agent/agent.send > vigil-collector/ingest",
		"vigil-agent/agent.send > vigil-collector/ingest > vigil-collector/metrics.commit",
		evaluate,
		remediation,
		remediation + " > vigil-collector/guard",
		remediation + " > vigil-collector/lease",
		remediation + " > vigil-collector/lease > vigil-remediator/attempt",
		action,
		action + " > vigil-remediator/service.restart",
		remediation + " > vigil-collector/verify",
	}
	t.Cleanup(func() { t.Logf("the trace %s has\n%s", id, strings.Join(paths, "\n")) })
	until(t, 30*time.Second, "Jaeger has every span", func() bool {
		spans, paths = j.trace(t.Context(), id), nil
		for _, s := range spans {
			paths = append(paths, path(spans, s))
		}
		return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(paths, w) })
	})
	for _, s := range spans {
		if s.End.Before(s.Start) || s.Start.Before(r.ReceivedAt.Add(-5*time.Second)) || s.End.After(r.EndedAt.Add(5*time.Second)) {
			t.Errorf("%s has times %s to %s, the story ran %s to %s", s.Name, s.Start, s.End, r.ReceivedAt, r.EndedAt)
		}
		if s.Name == "remediation" && (s.Tags["vigil.target"] != r.Target.String() || s.Tags["vigil.remediation"] != r.ID) {
			t.Errorf("remediation span has tags %v", s.Tags)
		}
	}
	if r.State != vigil.Healed {
		t.Errorf("state = %s", r.State)
	}
}
