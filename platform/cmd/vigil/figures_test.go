package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The benchmarks below measure what README promises, on real processes; task
// figures compares them with scripts/figures.txt. They run the binaries in
// bin, since the test binary carries the race detector or the test kit.

func released(b *testing.B, name string) string {
	b.Helper()
	path, err := filepath.Abs(filepath.Join("../../../bin", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		b.Fatalf("%v; run ./scripts/build first", err)
	}
	return path
}

func launchReleased(b *testing.B, dir string, env []string, args ...string) *process {
	b.Helper()
	args = append([]string{
		"up", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--remediator-listen", "127.0.0.1:0",
	}, args...)
	p, err := launch(context.Background(), released(b, "vigil"), env, args...)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func stopAll(b *testing.B, p *process) {
	b.Helper()
	if err := p.stop(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFigure_ReadyWarm is exec to ready with the compiled modules cached.
func BenchmarkFigure_ReadyWarm(b *testing.B) {
	benchmarkReady(b, environ(b.TempDir()))
}

// BenchmarkFigure_ReadyCold is exec to ready with no compiled module cached.
func BenchmarkFigure_ReadyCold(b *testing.B) {
	benchmarkReady(b, nil)
}

func benchmarkReady(b *testing.B, env []string) {
	b.Helper()
	var took []time.Duration
	for range b.N {
		dir := b.TempDir()
		e := env
		if e == nil {
			e = append(environ(dir), "VIGIL_CACHE="+filepath.Join(dir, "cache"))
		}
		p := launchReleased(b, dir, e)
		took = append(took, p.Ready)
		stopAll(b, p)
	}
	report(b, took, 50, "ready-ms")
}

// report adds a percentile in milliseconds and takes the meaningless ns/op out.
func report(b *testing.B, took []time.Duration, percentile int, unit string) {
	b.Helper()
	slices.Sort(took)
	at := took[min(len(took)-1, len(took)*percentile/100)]
	b.ReportMetric(float64(at.Microseconds())/1000, unit)
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFigure_SampleToAction is the time from sending a sample that fires
// to the action started: intent durable and vigil_run entered.
func BenchmarkFigure_SampleToAction(b *testing.B) {
	dir := b.TempDir()
	p := launchReleased(b, dir, environ(dir), "--no-agent")
	defer stopAll(b, p)
	api := p.api(b)
	var took []time.Duration
	for i := range max(b.N, 10) {
		took = append(took, fireOnce(b, api, i))
	}
	report(b, took, 50, "p50-ms")
}

const quickPolicy = `{"name":"quick-%d","module":"threshold","select":"quick_%d","settings":{"above":0.8},
"target":"service:web","recover_for":"0s","mode":"auto","guards":{"cooldown":"0s","warmup":"0s","budget":"1000/1h","rate":"1000/1h","backoff":{"first":"0s"},"trip_after":0,"ineffective":0,"max_concurrent":0},
"runbook":[{"action":"restart-service"}],"verify":{"stabilise":"0s","window":"100ms"}}`

// fireOnce applies a policy of its own, fires it and returns how long the
// action took to start.
func fireOnce(b *testing.B, api *client.Client, i int) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	name := "quick-" + strconv.Itoa(i)
	if _, _, err := api.ApplyPolicy(ctx, name, "application/json", fmt.Appendf(nil, quickPolicy, i, i)); err != nil {
		b.Fatal(err)
	}
	sent := time.Now()
	if _, err := api.Ingest(ctx, []vigil.Sample{{Name: fmt.Sprintf("quick_%d", i), Value: 1, Time: sent}}, client.Sending{}); err != nil {
		b.Fatal(err)
	}
	var r vigil.Remediation
	until(b, 20*time.Second, "the remediation ends", func() bool {
		rems, err := api.Remediations(ctx, client.Filter{Policy: name, Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		if len(rems) == 1 {
			r = rems[0]
		}
		return r.State != "" && r.State.Final()
	})
	if len(r.Attempts) == 0 || r.Attempts[0].StartedAt.IsZero() {
		b.Fatalf("the action did not start: %+v", r)
	}
	if err := api.DeletePolicy(ctx, name); err != nil {
		b.Fatal(err)
	}
	return r.Attempts[0].StartedAt.Sub(sent)
}

// BenchmarkFigure_DemoHeal is the time from setting a demo service on fire to
// the verdict healed.
func BenchmarkFigure_DemoHeal(b *testing.B) {
	var took []time.Duration
	for range b.N {
		dir := b.TempDir()
		p := launchReleased(b, dir, environ(dir))
		api := p.api(b)
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		begin := time.Now()
		if _, err := burning(ctx, api); err != nil {
			b.Fatal(err)
		}
		id, err := treatmentOf(ctx, api, "backend")
		if err != nil {
			b.Fatal(err)
		}
		r, err := api.Await(ctx, id, func(r vigil.Remediation) bool { return r.State.Final() })
		if err != nil || r.State != vigil.Healed {
			b.Fatalf("not healed: %s, %v", r.State, err)
		}
		took = append(took, time.Since(begin))
		cancel()
		stopAll(b, p)
	}
	report(b, took, 50, "heal-ms")
}

// BenchmarkFigure_IdleMemory is the resident memory of vigil up with its agent
// and demo, thirty seconds after its start.
func BenchmarkFigure_IdleMemory(b *testing.B) {
	dir := b.TempDir()
	p := launchReleased(b, dir, environ(dir))
	defer stopAll(b, p)
	time.Sleep(30 * time.Second)
	b.ReportMetric(resident(b, p.cmd.Process.Pid), "rss-MB")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFigure_AgentMemory is the resident memory of vigil-agent after
// thirty seconds of sending to a collector.
func BenchmarkFigure_AgentMemory(b *testing.B) {
	dir := b.TempDir()
	p := launchReleased(b, dir, environ(dir), "--no-agent", "--no-demo")
	defer stopAll(b, p)
	pid := agentFor(b, released(b, "vigil-agent"), p.Collector, dir)
	time.Sleep(30 * time.Second)
	b.ReportMetric(resident(b, pid), "rss-MB")
	b.ReportMetric(0, "ns/op")
}

// resident reads VmRSS in megabytes.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
