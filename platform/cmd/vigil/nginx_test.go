package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// nginxPolicy is what an operator lays beside the configuration.
const nginxPolicy = `
name: nginx-down
module: threshold
select: service_up{service="nginx"}
settings: {below: 1}
target: service:nginx
recover_for: 500ms
mode: auto
guards: {cooldown: 0s, warmup: 0s}
runbook: [{action: restart-service}]
verify: {stabilise: 0s, window: 20s}
`

// nginx is a real nginx that somebody else started.
type nginx struct{ bin, conf, pidfile, url string }

// startNginx starts Debian's nginx as its own daemon. It answers with the pid
// of the worker that serves.
func startNginx(t *testing.T) nginx {
	t.Helper()
	bin, err := exec.LookPath("nginx")
	if err != nil {
		bin = "/usr/sbin/nginx" // not on everybody's PATH
	}
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no nginx: %v", err)
		}
		t.Skipf("SKIPPED, NO NGINX: %v; apt-get install nginx", err)
	}
	dir, addr := t.TempDir(), freeAddr(t)
	n := nginx{bin: bin, pidfile: filepath.Join(dir, "nginx.pid"), url: "http://" + addr}
	n.conf = write(t, dir, "nginx.conf", fmt.Sprintf(`pid %[1]s/nginx.pid; error_log %[1]s/error.log; worker_processes 2; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f;
uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; server { listen %[2]s; location / { return 200 "$pid"; } } }`, dir, addr))
	if out, err := exec.Command(bin, "-c", n.conf, "-e", filepath.Join(dir, "error.log")).CombinedOutput(); err != nil {
		t.Fatalf("nginx: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		_ = exec.Command(bin, "-c", n.conf, "-e", filepath.Join(dir, "error.log"), "-s", "stop").Run() // it may be gone
		if pid := n.pid(); pid > 1 {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // workers whose master was killed
		}
	})
	until(t, 10*time.Second, "nginx serves", func() bool {
		master, err := n.served(t.Context())
		return err == nil && master == n.pid()
	})
	return n
}

// pid is what the pidfile says, 0 if there is none.
func (n nginx) pid() int {
	b, _ := os.ReadFile(n.pidfile)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

// served returns the parent of the worker that answers a request, or an error.
// A new connection each time: one to a killed worker would not be told.
func (n nginx) served(ctx context.Context) (master int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %w", resp.Status, err)
	}
	worker, err := strconv.Atoi(string(b))
	return parentOf(worker), err
}

// TestNginx_KilledHardComesBackByConfigurationAlone lets Vigil look after a
// daemon that knows nothing of Vigil: all it is given is a configuration file
// and a policy file.
func TestNginx_KilledHardComesBackByConfigurationAlone(t *testing.T) {
	t.Parallel()
	n, dir := startNginx(t), t.TempDir()
	conf := write(t, dir, "vigil.yaml", fmt.Sprintf(`
services:
  nginx:
    driver: command
    start: [%s, -c, %s]
    pidfile: %s
    stop: {signal: QUIT, grace: 5s}
agent: {interval: 200ms}
policies: %s/*.yaml
`, n.bin, n.conf, n.pidfile, filepath.Join(dir, "policies")))
	if err := os.Mkdir(filepath.Join(dir, "policies"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "policies"), "nginx-down.yaml", nginxPolicy)
	api := up(t, dir, "--config", conf).api(t)

	f := func(what string, healings int, kill func(pid int) error) {
		t.Helper()
		before := n.pid()
		if before <= 1 {
			t.Fatalf("%s: nginx is not there", what)
		}
		if err := kill(before); err != nil {
			t.Fatal(err)
		}
		r := healing(t, api, "nginx-down", healings)
		after := n.pid()
		if r.State != vigil.Healed || after == before || parentOf(after) < 0 {
			t.Errorf("%s: remediation is %s, nginx was %d and is %d: %+v", what, r.State, before, after, r)
		}
		if master, err := n.served(t.Context()); err != nil || master != after {
			t.Errorf("%s: a worker of %d answers, %v, want one of %d", what, master, err, after)
		}
	}
	f("all killed", 1, func(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) })
	// The workers outlive their master, and keep its port.
	f("master killed", 2, func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) })
}

// healing waits until the policy's n-th remediation has ended.
func healing(t *testing.T, api *client.Client, policy string, n int) (r vigil.Remediation) {
	t.Helper()
	until(t, 40*time.Second, fmt.Sprintf("remediation %d of %s ends", n, policy), func() bool {
		all, err := api.Remediations(t.Context(), client.Filter{Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > n {
			t.Fatalf("%d remediations, want %d: %+v", len(all), n, all[0])
		}
		if len(all) == n {
			r = all[0]
		}
		return len(all) == n && r.State.Final()
	})
	return r
}
