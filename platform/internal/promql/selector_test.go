package promql_test

import (
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/promql"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestSelector_MatchesAsPrometheusDoes(t *testing.T) {
	t.Parallel()
	f := func(selector string, series vigil.Series, want bool) {
		t.Helper()
		s, err := promql.ParseSelector(selector)
		if err != nil {
			t.Fatalf("ParseSelector(%q) = %v", selector, err)
		}
		if got := s.Matches(series); got != want {
			t.Errorf("%s.Matches(%s) = %v, want %v", s, series, got, want)
		}
	}
	plain := vigil.Series{Name: "cpu_usage"}
	web := vigil.Series{Name: "cpu_usage", Labels: vigil.Labels{"host": "web-1", "env": "prod"}}
	f(`cpu_usage`, plain, true)
	f(`cpu_usage`, web, true)
	f(`cpu_usage`, vigil.Series{Name: "cpu_usage_total"}, false)
	f(`cpu_usage{host="web-1"}`, web, true)
	f(`cpu_usage{host="web-1"}`, plain, false)
	f(`cpu_usage{host!="web-1"}`, plain, true)
	f(`cpu_usage{host=~"web-.*"}`, web, true)
	f(`cpu_usage{host=~"eb-1"}`, web, false) // anchored, as in Prometheus
	f(`cpu_usage{host!~"web-.*",env="prod"}`, web, false)
	f(`cpu_usage{host=""}`, plain, true)
	f(`{__name__=~"cpu_.+"}`, plain, true)
}

func TestParseSelector_RefusesWhatIsNoSelector(t *testing.T) {
	t.Parallel()
	f := func(selector string, position int) {
		t.Helper()
		_, err := promql.ParseSelector(selector)
		if code := vigil.CodeOf(err); code != "selector_invalid" || vigil.KindOf(err) != vigil.Invalid {
			t.Fatalf("ParseSelector(%.40q) = %v, want selector_invalid", selector, err)
		}
		if got := vigil.AsError(err).Fields["position"]; got != position {
			t.Errorf("ParseSelector(%.40q) at %v, want %d: %v", selector, got, position, err)
		}
	}
	f(``, 1)
	f(`{}`, 1)
	f(`{host=~".*"}`, 1)
	f(`cpu_usage{host=}`, 16)
	f(`cpu_usage[5m]`, 1)
	f(`cpu_usage offset 5m`, 1)
	f(`cpu_usage @ 12`, 1)
	f(`cpu_usage @ end()`, 1)
	f(`rate(cpu_usage[5m])`, 1)
	f(`cpu_usage > 0.8`, 1)
	f(`"text"`, 1)
	f(`(cpu_usage)`, 1)
	f(`12`, 1)
	f(`cpu_usage{host=~"("}`, 11)
	f(`cpu_usage{host=~"(a{1000}){1000}"}`, 11)
	f(strings.Repeat("a", 5000), 4097)
}

func TestNamed_TellsTheOneMetricOfASelector(t *testing.T) {
	t.Parallel()
	f := func(selector, want string) {
		t.Helper()
		got, matches, err := promql.Named(selector)
		if err != nil || got != want || matches == nil {
			t.Errorf("Named(%s) = %q, %v, want %q", selector, got, err, want)
		}
	}
	f(`cpu_usage`, "cpu_usage")
	f(`cpu_usage{host=~"web-.*"}`, "cpu_usage")
	f(`{__name__="cpu_usage",host!="a"}`, "cpu_usage")
	f(`{"cpu usage"}`, "cpu usage")
	f(`{__name__=~"cpu_.+"}`, "")
	f(`{__name__!="cpu_usage",host="a"}`, "")
	f(`{host="a"}`, "")
}

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{`cpu_usage`, `{a="b",c!~"d.+"}`, `x{`, `"q"`, `sum(x)`, "x{a=\"\xff\"}"} {
		f.Add(s)
	}
	other := vigil.Series{Name: "no such", Labels: vigil.Labels{"a": "b", "host": "a"}}
	f.Fuzz(func(t *testing.T, text string) {
		if metric, matches, err := promql.Named(text); err == nil && metric != "" && metric != other.Name && matches(other) {
			t.Fatalf("%q names %q and matches %s", text, metric, other)
		}
		s, err := promql.ParseSelector(text)
		if err != nil {
			if vigil.CodeOf(err) != "selector_invalid" {
				t.Fatalf("ParseSelector(%q) = %v, want a coded error", text, err)
			}
			return
		}
		if s.Matches(vigil.Series{}) {
			t.Fatalf("%q matches a series without name or labels", text)
		}
		again, err := promql.ParseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("ParseSelector(%q).String() = %q, which reads back as %v, %v", text, s, again, err)
		}
	})
}
