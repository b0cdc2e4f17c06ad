package config_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func noEnv(string) string { return "" }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_NeedsNoFile(t *testing.T) {
	t.Parallel()
	c, err := config.Load("", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8000" || c.Remediator.Listen != "127.0.0.1:8081" || c.Agent.Interval.D() != time.Second {
		t.Errorf("defaults = %+v", c)
	}
}

func TestLoad_ReadsTheContractsExample(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, `
data: ./vigil-data
listen: 127.0.0.1:8000
remediator: {listen: 127.0.0.1:8081, labels: {site: home}}
services:
  nginx:   {driver: systemd, unit: nginx.service}
  billing: {driver: command, start: [/opt/billing/run], pidfile: /run/billing.pid, stop: {signal: TERM, grace: 10s}}
  cache:   {driver: docker, container: redis}
agent: {interval: 1s}
policies: ./policies/*.yaml
`), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Service{
		Driver: "command", Start: []string{"/opt/billing/run"}, Pidfile: "/run/billing.pid",
		Stop: config.Stop{Signal: "TERM", Grace: vigil.Duration(10 * time.Second)},
	}
	if diff := cmp.Diff(want, c.Services["billing"]); diff != "" {
		t.Errorf("billing (-want +got):\n%s", diff)
	}
}

func TestLoad_EnvironmentBeatsFile(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, "listen: 127.0.0.1:1\n"), func(k string) string {
		return map[string]string{"VIGIL_LISTEN": "127.0.0.1:2"}[k]
	})
	if err != nil || c.Listen != "127.0.0.1:2" {
		t.Errorf("listen = %q, %v", c.Listen, err)
	}
}

func TestLoad_PointsAtWhatIsWrong(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		_, err := config.Load(write(t, text), noEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q) = %v, want %q", text, err, want)
		}
	}
	f("data: x\nlisten_: y\n", "vigil.yaml:2:1: ")
	f("data: x\nlisten_: y\n", "\n  listen_: y\n  ^")
	f("agent: {interval: fast}\n", "duration")
	f("agent: {interval: 1ms}\n", "below 100ms")
	f("data: x\ndata: y\n", "vigil.yaml:2:1: ")
	f("services: {'a b': {driver: command}}\n", "no name")
	f("data: [", "vigil.yaml:")
}

func TestLoad_RefusesWhatNothingCouldStartWith(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		_, err := config.Load(write(t, text), noEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q) = %v, want %q in it", text, err, want)
		}
	}
	f("listen: foo", `listen: "foo"`)
	f("listen: 127.0.0.1:99999", "want HOST:PORT")
	f("remediator: {listen: x}", "remediator.listen")
	f("remediator: {host: a b}", "is no name for a target")
	f("remediator: {collector: ftp://x}", "remediator.collector")
	f("trace: {endpoint: not a url}", "trace.endpoint")
	f("log: loud", `log: "loud"`)
	f("policies: '[a'", "no pattern")
	f("protected: [db-*]", `protected: "db-*" is no pattern of targets`)
	f("protected: ['service:[']", "is no pattern of targets")
	f("depends_on: {web: [service:db]}", `depends_on: target "web": want`)
	f("depends_on: {service:web: [db]}", `depends_on: target "db": want`)
	f("depends_on: {service:a: [service:b], service:b: [service:c], service:c: [service:a]}", "service:a depends on itself: service:a → service:b → service:c → service:a")
	f("target_ttl: 1m", "target_ttl: 1m is below 10m")
}

func TestLoad_ReadsNoDeviceWithoutEnd(t *testing.T) {
	t.Parallel()
	if _, err := config.Load("/dev/zero", noEnv); vigil.CodeOf(err) != "document_too_large" {
		t.Errorf("Load(/dev/zero) = %v, want document_too_large", err)
	}
}

func TestPolicy_ShowsNoMoreOfALongLineThanATerminalDoes(t *testing.T) {
	t.Parallel()
	_, err := config.Policy("p.yaml", []byte("name: "+strings.Repeat("[", 20_000)))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("Policy of a long line: %d bytes of error", len(err.Error()))
	}
}

func TestPolicy_PointsAtUnknownKey(t *testing.T) {
	t.Parallel()
	_, err := config.Policy("p.yaml", []byte("name: a\nmodule: m\nguards: {cooldwn: 1s}\n"))
	if err == nil || !strings.Contains(err.Error(), "p.yaml:3:10: ") {
		t.Errorf("Policy = %v", err)
	}
}

// What a guard cannot be is pointed at where it stands.
func TestPolicy_PointsAtAGuardThatMakesNoSense(t *testing.T) {
	t.Parallel()
	f := func(guards, want string) {
		t.Helper()
		_, err := config.Policy("p.yaml", []byte("name: a\nmodule: m\nselect: x\ntarget: service:a\nguards:\n  "+guards+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "p.yaml:6:"+want) {
			t.Errorf("%s: %v, want it at 6:%s", guards, err, want)
			return
		}
		lines := strings.Split(err.Error(), "\n")
		column, _, _ := strings.Cut(want, ":")
		at, _ := strconv.Atoi(column)
		if len(lines) != 3 || lines[2] != "  "+strings.Repeat(" ", at-1)+"^" {
			t.Errorf("%s: no caret below it:\n%v", guards, err)
		}
	}
	f("max_concurrent: 150%", `19: share "150%": a percentage is at most 100`)
	f("min_healthy: -1", `16: share "-1": want a number of targets`)
	f("min_healthy: half", `16: share "half": want`)
	f("storm: {share: 101%}", `18: share "101%"`)
	f("storm: {calm: -5m}", `17: duration "-5m"`)
	f("storm: {targets: -1}", `11: policy a: guards.storm.targets: want`)
	f("backoff: {first: -1s}", `20: duration "-1s"`)
	f("backoff: {first: 5m, most: 1m}", `24: policy a: guards.backoff.most: want at least the first wait, which is 5m`)
	f("rate: 0/1h", `9: rate "0/1h"`)
	f("rate: 5/-1h", `9: rate "5/-1h"`)
	f("trip_after: -3", `3: policy a: guards.trip_after: want`)
	f("ineffective: -1", `3: policy a: guards.ineffective: want`)
	f("cooldown: -1s", `13: duration "-1s"`)
}

func TestPolicy_ReadsTheFleetsGuards(t *testing.T) {
	t.Parallel()
	p, err := config.Policy("p.yaml", []byte(`
{name: a, module: m, select: x, target: "service:a", guards: {min_healthy: 2, max_concurrent: 25%, rate: 5/1h,
  storm: {share: 50%}, backoff: {first: 0s}, trip_after: 0, ineffective: 5}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := vigil.DefaultPolicy().Guards
	want.MinHealthy, want.MaxConcurrent, want.Rate.N = vigil.Share{N: 2}, vigil.Share{N: 25, Percent: true}, 5
	want.Storm.Share.N, want.Backoff.First, want.TripAfter, want.Ineffective = 50, 0, 0, 5
	if p.Guards != want {
		t.Errorf("guards = %+v, want %+v", p.Guards, want)
	}
}

func TestPolicy_ReadsTheContractsExample(t *testing.T) {
	t.Parallel()
	p, err := config.Policy("p.yaml", []byte(`
name: cpu-high
module: threshold
select: cpu_usage
settings: {above: 0.8}
target: service:backend
group: env
for: 0s
recover_for: 2s
mode: auto
guards: {cooldown: 0s, warmup: 0s, budget: 60/1h}
runbook: [{action: restart-service, with: {}, timeout: 30s}]
verify: {stabilise: 2s, window: 10s}
`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Guards.Budget.N != 60 || p.Guards.Cooldown != 0 || p.Guards.MaxAge.D() != 10*time.Minute || string(p.Settings) != `{"above":0.8}` {
		t.Errorf("policy = %+v", p)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte("name: a\nmodule: m\nselect: x\ntarget: service:a\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := config.Policy("p.yaml", doc)
		if err == nil && p.Check() != nil {
			t.Errorf("accepted a policy that does not check: %q", doc)
		}
	})
}

func TestLoad_TrustsKeysOfMinisignOnly(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		c, err := config.Load(write(t, text), noEnv)
		if want == "" && (err != nil || len(c.Modules.TrustedKeys) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Load(%q) = %+v, %v, want %q", text, c.Modules, err, want)
		}
	}
	f("modules: {require_signature: true, trusted_keys: [RWSgfVML8l6yfi99wJRsE7YUXa5wGGrUenjB7LyVpRkD5GvRa/jdL2gV]}", "")
	f("modules: {require_signature: true}", "trusted_keys is empty")
	f("modules: {trusted_keys: [RWSgfVML8l6yfi99]}", "no public key of minisign")
	f("modules: {trusted_keys: [nonsense]}", "no public key of minisign")
}

func TestPointed_FollowsThePathOfAField(t *testing.T) {
	t.Parallel()
	const doc = `commands:
  first: {argv: [/bin/true], dir: /}
  second.one:
    argv: [/bin/true]
    dir: tmp
    args:
      a: {pattern: x}
`
	f := func(field, want string) {
		t.Helper()
		err := config.Pointed("vigil.yaml", []byte(doc), vigil.Errorf(vigil.Invalid, "command_invalid", "wrong").With("field", field))
		if !strings.HasPrefix(err.Error(), "vigil.yaml:"+want+": wrong\n") {
			t.Errorf("%s: %v, want it at %s", field, err, want)
		}
	}
	f("commands.second.one.dir", "5:5")
	f("commands.second.one.args.a", "7:7")
	f("commands.second.one.timeout", "3:3") // what is missing is missed where it should be
	f("commands.first.dir", "2:30")
	f("dir", "2:30")
}

func TestPointed_CountsInsideAText(t *testing.T) {
	t.Parallel()
	f := func(doc string, position any, want string) {
		t.Helper()
		err := config.Pointed("p.yaml", []byte(doc), vigil.Errorf(vigil.Invalid, "query_invalid", "wrong").With("field", "select.query").With("position", position))
		if !strings.HasPrefix(err.Error(), "p.yaml:"+want+": wrong\n") {
			t.Errorf("%q at %v: %v, want it at %s", doc, position, err, want)
		}
	}
	f("select: {query: sum(x, every: 15s}", 4, "1:20")
	f("select:\n  query: 'sum(x'\n  every: 15s\n", 6, "2:16")
	f("select:\n  query: \"sum(x\"\n", float64(4), "2:14") // as HTTP has it
	f("select:\n  query: |\n    sum(\n      rate(x[5m]\n    )\n", 8, "4:7")
	f("select:\n  query: >\n    sum(\n    rate(x)\n", 7, "2:3") // folded: no longer the lines of the document
	f("select: {query: a, every: 15s}", 9, "1:10")
}
