package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// restless is a policy that restarts the services of both hosts as often as it
// can: what was done never helps.
const restless = `
name: restless
module: threshold
select: restless
settings: {above: 0}
target: service:counted@{{host}}
recover_for: 0s
interval: 100ms
mode: auto
guards: {cooldown: 0s, warmup: 0s, budget: 60000/1h, rate: 60000/1h, backoff: {first: 0s}, trip_after: 0, ineffective: 0, max_concurrent: 0}
runbook: [{action: restart-service}]
verify: {stabilise: 0s, window: 200ms}
`

// yard is a collector with a remediator on each of two hosts, whose services
// note when they start.
type yard struct {
	t     *testing.T
	api   *client.Client
	dirs  map[string]string // by host
	files map[string]string // their pause files
}

func newYard(t *testing.T) *yard {
	t.Helper()
	dir := t.TempDir()
	bury(t, dir)
	y := &yard{t: t, dirs: map[string]string{}, files: map[string]string{}}
	collector := daemonIn(t, filepath.Join(dir, "collector"), "collector", "--listen", "127.0.0.1:0")
	y.api = collector.api(t)
	for _, host := range []string{"east", "west"} {
		home := filepath.Join(dir, host)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		script := write(t, home, "counted.sh", fmt.Sprintf("date +%%s%%N >>%s/starts\nwhile :; do sleep 0.05; done\n", home))
		conf := write(t, home, "vigil.yaml", fmt.Sprintf("services:\n  counted: {driver: command, start: [/bin/sh, %s]}\n", script))
		y.dirs[host], y.files[host] = home, filepath.Join(home, "data", "remediator", "pause")
		daemonIn(t, home, "remediator", "--remediator-listen", "127.0.0.1:0", "--collector", collector.Collector, "--config", conf, "--host", host)
	}
	until(t, 20*time.Second, "the collector knows both remediators", func() bool {
		known, err := y.api.Remediators(t.Context())
		return err == nil && len(known) == 2
	})
	if _, _, err := y.api.ApplyPolicy(t.Context(), "restless", "application/yaml", []byte(restless)); err != nil {
		t.Fatal(err)
	}
	y.feed()
	return y
}

// feed says until the test ends that neither service is well.
func (y *yard) feed() {
	ctx, cancel := context.WithCancel(context.Background())
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for ctx.Err() == nil {
			now := time.Now()
			_, err := y.api.Ingest(ctx, []vigil.Sample{
				{Name: "restless", Labels: vigil.Labels{"host": "east"}, Value: 1, Time: now},
				{Name: "restless", Labels: vigil.Labels{"host": "west"}, Value: 1, Time: now},
			}, client.Sending{})
			if err != nil && ctx.Err() == nil {
				y.t.Errorf("feed: %v", err)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	y.t.Cleanup(func() { cancel(); feeding.Wait() })
}

// starts are when a host's service was started after a time.
func (y *yard) starts(host string, after time.Time) (at []time.Time) {
	y.t.Helper()
	text, _ := os.ReadFile(filepath.Join(y.dirs[host], "starts")) // none: never started
	for line := range strings.Lines(string(text)) {
		ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if start := time.Unix(0, ns); err == nil && start.After(after) {
			at = append(at, start)
		}
	}
	return at
}

// busy waits until the host's service is restarted again and again.
func (y *yard) busy(host string, since time.Time) {
	y.t.Helper()
	until(y.t, 30*time.Second, "Vigil restarts the service of "+host, func() bool { return len(y.starts(host, since)) >= 2 })
}

// attempted returns when each attempt on a host was begun after a time.
func (y *yard) attempted(host string, after time.Time) (at []time.Time) {
	y.t.Helper()
	rems, err := y.api.Remediations(y.t.Context(), client.Filter{Target: "service:counted@" + host, Limit: 1000})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, r := range rems {
		for _, a := range r.Attempts {
			if a.StartedAt.After(after) {
				at = append(at, a.StartedAt)
			}
		}
	}
	return at
}

// still checks that nothing is begun on the hosts after a brake was set; what
// ran then may finish, which is one start of the service at most.
func (y *yard) still(what string, set time.Time, hosts ...string) {
	y.t.Helper()
	time.Sleep(3 * time.Second) // nothing happens meanwhile: there is nothing to wait for
	for _, host := range hosts {
		if at := y.attempted(host, set); len(at) > 0 {
			y.t.Errorf("%s: %d actions began on %s, the last %s after it was set", what, len(at), host, at[0].Sub(set))
		}
		at := y.starts(host, set)
		if len(at) > 1 {
			y.t.Errorf("%s: the service of %s was started %d times after it was set", what, host, len(at))
		}
		for _, start := range at {
			y.t.Logf("%s: what ran on %s started its service %s later", what, host, start.Sub(set).Round(time.Millisecond))
		}
	}
}

// TestBrakes_StopEveryRemediator sets each brake while two remediators, each a
// process of its own, do nothing but act.
func TestBrakes_StopEveryRemediator(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	brake := func(what string, set, lift func() error, hosts ...string) {
		t.Helper()
		now := time.Now()
		y.busy("east", now)
		y.busy("west", now)
		asked := time.Now()
		check(set())
		done := time.Now()
		t.Logf("%s: set in %s", what, done.Sub(asked).Round(time.Microsecond))
		y.still(what, done, hosts...)
		if len(hosts) == 1 {
			y.busy("east", done)
		}
		check(lift())
	}
	brake("pause", func() error {
		_, err := y.api.Pause(ctx, client.PauseWish{Reason: "test"})
		return err
	}, func() error { _, err := y.api.Resume(ctx, "local"); return err }, "east", "west")
	brake("pause of a host", func() error {
		_, err := y.api.Pause(ctx, client.PauseWish{Reason: "test", Target: "host:west"})
		return err
	}, func() error { _, err := y.api.Resume(ctx, "local"); return err }, "west")
	brake("maintenance", func() error {
		_, err := y.api.SetMaintenance(ctx, client.MaintenanceWish{Name: "disks", For: vigil.Duration(time.Hour)})
		return err
	}, func() error { return y.api.RemoveMaintenance(ctx, "disks") }, "east", "west")
	brake("kill switch", func() error { _, err := y.api.SetKillSwitch(ctx, true, "test"); return err },
		func() error { _, err := y.api.SetKillSwitch(ctx, false, ""); return err }, "east", "west")
	brake("pause file", func() error { return os.WriteFile(y.files["west"], []byte("test"), 0o600) },
		func() error { return os.Remove(y.files["west"]) }, "west")
	since := time.Now()
	y.busy("east", since)
	y.busy("west", since)
}
