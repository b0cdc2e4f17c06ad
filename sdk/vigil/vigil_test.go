package vigil_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestParseTarget_ReadsNamesAndNothingElse(t *testing.T) {
	t.Parallel()
	f := func(s string, want vigil.Target, ok bool) {
		t.Helper()
		got, err := vigil.ParseTarget(s)
		if got != want || (err == nil) != ok {
			t.Errorf("ParseTarget(%q) = %+v, %v; want %+v, ok %v", s, got, err, want, ok)
		}
		if !ok && vigil.CodeOf(err) != "target_out_of_scope" {
			t.Errorf("ParseTarget(%q) has code %s", s, vigil.CodeOf(err))
		}
		if ok && got.String() != s {
			t.Errorf("%+v renders as %q, want %q", got, got, s)
		}
	}
	f("service:web", vigil.Target{Kind: "service", Name: "web"}, true)
	f("service:web@host-1.example", vigil.Target{Kind: "service", Name: "web", Host: "host-1.example"}, true)
	f("host:db_2", vigil.Target{Kind: "host", Name: "db_2"}, true)
	for _, bad := range []string{
		"", "web", "pod:web", "service:", "service:web@", "service:-rf", "service:a b", "service:../x", "service:a@b@c",
		"service:a/b", "service:ü", "service:a\n", "service:" + strings.Repeat("a", 129), "service:a,service:b",
	} {
		f(bad, vigil.Target{}, false)
	}
}

func TestPolicy_RendersTargetFromLabels(t *testing.T) {
	t.Parallel()
	f := func(template, want string) {
		t.Helper()
		p := vigil.Policy{Target: template}
		got, err := p.RenderTarget(vigil.Series{Name: "up", Labels: vigil.Labels{"service": "web", "host": "h1", "evil": "x@y"}})
		if got.String() != want && (err == nil || want != "") {
			t.Errorf("RenderTarget(%q) = %s, %v; want %q", template, got, err, want)
		}
		if want == "" && err == nil {
			t.Errorf("RenderTarget(%q) = %s, want an error", template, got)
		}
	}
	f("service:{{service}}@{{host}}", "service:web@h1")
	f("service:{{ service }}", "service:web")
	f("service:{{__name__}}", "service:up")
	f("service:{{missing}}", "")
	f("service:{{evil}}", "service:x@y")
	f("service:{{evil}}@{{host}}", "")
	f("service:{{a b}}", "")
	f("service:{{", "")
}

func TestParsePolicy_FillsDefaultsAndRefusesNonsense(t *testing.T) {
	t.Parallel()
	const least = `"name":"a","module":"threshold","select":"x","target":"service:web"`
	p, err := vigil.ParsePolicy([]byte("{" + least + `,"runbook":[{"action":"restart-service"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Mode != vigil.Shadow || p.Guards.Cooldown.D() != 5*time.Minute || p.Guards.Budget.String() != "3/1h" || p.Runbook[0].Timeout != vigil.DefaultTimeout {
		t.Errorf("defaults = %+v", p)
	}
	f := func(doc, field string) {
		t.Helper()
		_, err := vigil.ParsePolicy([]byte(doc))
		if err == nil || vigil.KindOf(err) != vigil.Invalid || field != "" && vigil.AsError(err).Fields["field"] != field {
			t.Errorf("ParsePolicy(%s) = %v, want field %q", doc, err, field)
		}
	}
	f(`{}`, "name")
	f(`{"name":"A"}`, "name")
	f(strings.Replace("{"+least+"}", `"x"`, `""`, 1), "select")
	f("{"+least+`,"mode":"wild"}`, "mode")
	f("{"+least+`,"mode":"auto"}`, "runbook")
	f("{"+least+`,"runbook":[{"action":"x","with":["a"]}]}`, "runbook[0].with")
	f("{"+least+`,"runbook":[{"action":"x","with":3}]}`, "runbook[0].with")
	f("{"+least+`,"runbook":[{"action":"x","with":{"a":"`+strings.Repeat("x", 16<<10)+`"}}]}`, "runbook[0].with")
	f("{"+least+`,"interval":"1ms"}`, "interval")
	f(strings.Replace("{"+least+"}", "service:web", "service:{{a}} ; rm", 1), "target")
	f("{"+least+`,"for":"soon"}`, "")
	f("{"+least+`,"guards":{"budget":"many"}}`, "")
	f("{"+least+`,"nonsense":1}`, "")
	f("{"+least+`} {}`, "")
}

func TestSelect_IsATextOrAQuery(t *testing.T) {
	t.Parallel()
	policy := func(selects string) []byte {
		return []byte(`{"name":"a","module":"threshold","select":` + selects + `,"target":"service:web"}`)
	}
	f := func(selects, shown string) {
		t.Helper()
		p, err := vigil.ParsePolicy(policy(selects))
		if err != nil || p.Select.String() != shown {
			t.Errorf("select %s is %s, %v, want %s", selects, p.Select, err, shown)
		}
		if doc, err := json.Marshal(p.Select); err != nil || string(doc) != selects {
			t.Errorf("select %s is written %s, %v", selects, doc, err)
		}
	}
	f(`"cpu_usage{env=\"prod\"}"`, `cpu_usage{env="prod"}`)
	f(`{"query":"sum(x)","every":"15s"}`, "sum(x) every 15s")
	g := func(selects, field string) {
		t.Helper()
		if _, err := vigil.ParsePolicy(policy(selects)); err == nil || vigil.AsError(err).Fields["field"] != field || vigil.KindOf(err) != vigil.Invalid {
			t.Errorf("select %s: %v at %v, want %s", selects, err, vigil.AsError(err).Fields["field"], field)
		}
	}
	g(`{}`, "select.query")
	g(`{"every":"15s"}`, "select.query")
	g(`{"query":"sum(x)"}`, "select.every")
	g(`{"query":"sum(x)","every":"0s"}`, "select.every")
	g(`{"query":"sum(x)","every":"999ms"}`, "select.every")
	g(`{"query":"sum(x)","every":"61m"}`, "select.every")
	g(`{"query":"sum(x)","every":"151s"}`, "select.every") // over half the lookback
	g(`{"query":"sum(x)","every":"15s","each":1}`, "select.each")
	g(`{"query":7,"every":"15s"}`, "select.query")
	g(`[]`, "select")
	g(`7`, "select")
	g(`null`, "select")
}

func TestQuantities_ReadWhatTheyWrite(t *testing.T) {
	t.Parallel()
	f := func(s string) {
		t.Helper()
		var d vigil.Duration
		if err := d.UnmarshalText([]byte(s)); err != nil || d.String() != s {
			t.Errorf("%s reads and writes as %s, %v", s, d, err)
		}
	}
	f("2s")
	f("5m")
	f("1h30m")
	f("1h")
	f("500ms")
	var d vigil.Duration
	if err := d.UnmarshalText([]byte("15d")); err != nil || d.D() != 360*time.Hour {
		t.Errorf("15d = %s, %v", d, err)
	}
	var r vigil.Rate
	for _, bad := range []string{"", "3", "0/1h", "3/0s", "-1/1h", "3/h"} {
		if err := r.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("rate %q was accepted", bad)
		}
	}
}

func TestMachine_EveryStateLeadsToAnEnd(t *testing.T) {
	t.Parallel()
	var reaches func(s vigil.State, seen map[vigil.State]bool) bool
	reaches = func(s vigil.State, seen map[vigil.State]bool) bool {
		if s.Final() {
			return true
		}
		seen[s] = true
		for _, row := range vigil.Machine() {
			if row.From != s {
				continue
			}
			for _, next := range row.To {
				if !seen[next] && reaches(next, seen) {
					return true
				}
			}
		}
		return false
	}
	for _, row := range vigil.Machine() {
		if !reaches(row.From, map[vigil.State]bool{}) {
			t.Errorf("%s never ends", row.From)
		}
		if row.Seed == "" || row.Says == "" {
			t.Errorf("%s has no words for people", row.From)
		}
	}
	if vigil.Healed.CanBecome(vigil.Running) {
		t.Error("what is healed may run again")
	}
}

func TestSeries_EqualSeriesHaveEqualStrings(t *testing.T) {
	t.Parallel()
	s := vigil.Series{Name: "up", Labels: vigil.Labels{"b": "2", "a": `"1"`}}
	if got, want := s.String(), `up{a="\"1\"",b="2"}`; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
}

func ExampleParsePolicy() {
	p, err := vigil.ParsePolicy([]byte(`{
		"name": "cpu-high", "module": "threshold", "settings": {"above": 0.8},
		"select": "cpu_usage", "target": "service:backend"
	}`))
	fmt.Println(p.Name, p.Mode, p.Guards.Cooldown, err)
	// Output: cpu-high shadow 5m <nil>
}

func ExampleError() {
	err := vigil.Errorf(vigil.Held, "held", "cooldown of 5m ends in 2m").With("reason", vigil.BlockCooldown)
	doc, _ := json.Marshal(err.Fields)
	fmt.Println(err, string(doc))
	// Output: cooldown of 5m ends in 2m {"reason":"cooldown"}
}

func TestSize_ReadsAndWritesItsUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]vigil.Size{"1B": 1, "1000B": 1000, "64KiB": 64 << 10, "16MiB": 16 << 20, "4GiB": 4 << 30} {
		var s vigil.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%s is %d, %v, written %s", text, s, err, s)
		}
	}
	for _, text := range []string{"", "16", "16M", "16MB", "16Mi", "0MiB", "-1MiB", "1.5GiB", "16XiB", "16KMiB", "MiB", "iB", "B", "99999999999GiB", " 1MiB"} {
		var s vigil.Size
		if err := s.UnmarshalText([]byte(text)); vigil.CodeOf(err) != "bad_size" {
			t.Errorf("%q is %d, %v", text, s, err)
		}
	}
}

func TestShare_IsANumberOrAPercentage(t *testing.T) {
	t.Parallel()
	f := func(text string, known, want int) {
		t.Helper()
		var s vigil.Share
		if err := json.Unmarshal([]byte(text), &s); err != nil || s.Of(known) != want {
			t.Errorf("%s of %d = %d, %v; want %d", text, known, s.Of(known), err, want)
		}
		again, _ := json.Marshal(s)
		var back vigil.Share
		if err := json.Unmarshal(again, &back); err != nil || back != s {
			t.Errorf("%s is written as %s and read as %v, %v", text, again, back, err)
		}
	}
	f(`"10%"`, 29, 2)
	f(`"100%"`, 29, 29)
	f(`2`, 29, 2)
	f(`"3"`, 29, 3)
	for _, bad := range []string{`"101%"`, `-1`, `"half"`, `1.5`, `"%"`, `null`, `70000`} {
		var s vigil.Share
		if err := json.Unmarshal([]byte(bad), &s); vigil.CodeOf(err) != "bad_share" {
			t.Errorf("%s = %v, %v; want bad_share", bad, s, err)
		}
	}
}

func TestStorm_NeedsBothANumberAndAShare(t *testing.T) {
	t.Parallel()
	f := func(bad, known int, want bool) {
		t.Helper()
		if got := vigil.DefaultPolicy().Guards.Storm.Rages(bad, known); got != want {
			t.Errorf("%d of %d rages: %t, want %t", bad, known, got, want)
		}
	}
	f(2, 2, false)
	f(3, 10, false)
	f(3, 9, true)
	f(301, 1000, true)
	f(300, 1000, false)
	if (vigil.Storm{Targets: 3}).Rages(9, 9) {
		t.Error("a storm that is turned off rages")
	}
	if s := (vigil.Storm{Share: vigil.Share{N: 4}}); s.Rages(4, 100) || !s.Rages(5, 100) {
		t.Error("a share in targets is not held")
	}
}

func TestBackoff_DoublesUpToItsMost(t *testing.T) {
	t.Parallel()
	b := vigil.DefaultPolicy().Guards.Backoff
	for n, want := range []time.Duration{time.Minute, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		if got := b.After(n); n > 0 && got != want {
			t.Errorf("after %d failures: %s, want %s", n, got, want)
		}
	}
	if got := b.After(1 << 30); got != 10*time.Minute {
		t.Errorf("after very many: %s", got)
	}
}
