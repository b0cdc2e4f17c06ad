package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// fleet is an agent, a collector and a remediator as processes of their own,
// with one service, oven, that can burn.
type fleet struct {
	collector, hands *process
	api              *client.Client
	dir              string
	urlFile          string
}

// agentBinary builds vigil-agent once for all tests.
var agentBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vigil-agent")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "vigil-agent")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/techmedaddy/vigil/agent/cmd/vigil-agent").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build agent: %w\n%s", err, out)
	}
	return bin, nil
})

const ovenPolicy = `
name: oven-hot
module: threshold
select: service_cpu{service="oven"}
settings: {above: 0.3}
target: service:{{service}}@{{host}}
recover_for: 1s
mode: auto
guards: {cooldown: 0s, warmup: 0s}
runbook: [{action: restart-service}]
verify: {stabilise: 1s, window: 20s}
`

// spread starts the three processes; env is added to each one's environment.
func spread(t *testing.T, dir string, env ...string) *fleet {
	t.Helper()
	bury(t, dir)
	bin := vigilBinary(t)
	f := &fleet{dir: dir, urlFile: filepath.Join(dir, "oven.url")}
	start := func(role string, args ...string) *process {
		home := filepath.Join(dir, role)
		args = append([]string{role, "--data", filepath.Join(home, "data")}, args...)
		p, err := launch(context.Background(), bin, append(environ(home), env...), args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.stop(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("%s printed:\n%s", role, p.Output())
			}
		})
		return p
	}
	f.collector = start("collector", "--listen", "127.0.0.1:0")
	f.api = f.collector.api(t)
	pidfile := filepath.Join(dir, "oven.pid")
	f.write(t, "services.yaml", fmt.Sprintf(`
services:
  oven:
    driver: command
    start: [%s, demo, serve, oven, --url-file, %s, --pid-file, %s]
    pidfile: ""
    stop: {grace: 2s}
`, bin, f.urlFile, pidfile))
	f.hands = start("remediator", "--remediator-listen", "127.0.0.1:0", "--collector", f.collector.Collector,
		"--config", filepath.Join(dir, "services.yaml"), "--host", "kitchen")
	f.agent(t, pidfile)
	f.apply(t, ovenPolicy)
	return f
}

func (f *fleet) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *fleet) agent(t *testing.T, pidfile string) {
	t.Helper()
	bin, err := agentBinary()
	if err != nil {
		t.Fatal(err)
	}
	agentFor(t, bin, f.collector.Collector, f.dir, "--interval", "500ms", "--host", "kitchen", "--service", "oven="+pidfile)
}

// agentFor runs vigil-agent until the test ends and returns its pid.
func agentFor(tb testing.TB, bin, collector, dir string, args ...string) int {
	tb.Helper()
	cmd := exec.Command(bin, append([]string{"--collector", collector, "--spool", filepath.Join(dir, "spool")}, args...)...)
	var said lockedBuffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			tb.Errorf("agent: %v\n%s", err, said.String())
		}
	})
	return cmd.Process.Pid
}

func (f *fleet) apply(t *testing.T, policy string) {
	t.Helper()
	if _, _, err := f.api.ApplyPolicy(t.Context(), "oven-hot", "application/yaml", []byte(policy)); err != nil {
		t.Fatal(err)
	}
}

// burn starts the service by a person's order and lets it burn.
func (f *fleet) burn(t *testing.T) {
	t.Helper()
	if _, err := f.api.Request(t.Context(), vigil.Wish{Target: vigil.Target{Kind: "service", Name: "oven"}, Action: "restart-service"}); err != nil {
		t.Fatal(err)
	}
	f.healed(t)
	url, err := os.ReadFile(f.urlFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := post(t.Context(), strings.TrimSpace(string(url))+"/burn"); err != nil {
		t.Fatal(err)
	}
}

// healed waits until the newest remediation that is under way ends well.
func (f *fleet) healed(t *testing.T) vigil.Remediation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id, err := newest(ctx, f.api, true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.api.Await(ctx, id, func(r vigil.Remediation) bool { return r.State.Final() })
	if err != nil {
		t.Fatal(err)
	}
	if r.State != vigil.Healed {
		t.Fatalf("remediation is %s: %+v", r.State, r)
	}
	return r
}
