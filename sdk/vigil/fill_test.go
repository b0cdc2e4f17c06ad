package vigil_test

import (
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestStep_FillsInWordsAndNothingElse(t *testing.T) {
	t.Parallel()
	words := map[string]string{
		"service": "web", "target": "service:web@h1", "target.host": "h1", "policy": "p", "value": "0.95", "quote": `a","b":"c`, "cmd": "$(reboot) --root=/ *",
		"again": "{{service}}", "lines": "a\nb", "nul": "a\x00b", "esc": "a\x1b[2J", "utf": "a\xff", "long": strings.Repeat("x", 257), "wide": strings.Repeat("x", 256),
	}
	fill := func(with string) (string, error) {
		s, err := vigil.Step{Action: "page", With: []byte(with)}.Fill(func(word string) string { return words[word] })
		return string(s.With), err
	}
	f := func(with, want string) {
		t.Helper()
		if got, err := fill(with); err != nil || got != want {
			t.Errorf("%s is filled in as %s, %v, want %s", with, got, err, want)
		}
	}
	f(`{"n": 1.50, "a": "x"}`, `{"n": 1.50, "a": "x"}`) // without a word nothing is touched
	f(``, ``)
	f(`{"s":"{{service}}","n":12345678901234567890,"b":[true,"{{ target.host }}:{{target}}"]}`, `{"b":[true,"h1:service:web@h1"],"n":12345678901234567890,"s":"web"}`)
	f(`{"s":"{{policy}} at {{value}}"}`, `{"s":"p at 0.95"}`)
	f(`{"{{service}}":"a{{service}}"}`, `{"{{service}}":"aweb"}`) // a key is no text
	f(`{"s":"{{again}}"}`, `{"s":"{{service}}"}`)                 // once
	f(`{"s":"{{quote}}"}`, `{"s":"a\",\"b\":\"c"}`)               // a value stays a value
	f(`{"s":"{{cmd}}"}`, `{"s":"$(reboot) --root=/ *"}`)          // which the host's grammar is asked about
	f(`{"s":"{{wide}}"}`, `{"s":"`+words["wide"]+`"}`)
	g := func(with, why string) {
		t.Helper()
		if got, err := fill(with); vigil.CodeOf(err) != "target_out_of_scope" || !strings.Contains(err.Error(), why) {
			t.Errorf("%s is filled in as %s, %v, want it refused: %s", with, got, err, why)
		}
	}
	g(`{"s":"{{nolabel}}"}`, "page: with.s: {{nolabel}} is empty or not there")
	g(`{"a":{"b":["x","{{lines}}"]}}`, "with.a.b[1]: {{lines}} has a control character in it")
	g(`{"s":"{{nul}}"}`, "control character")
	g(`{"s":"{{esc}}"}`, "control character")
	g(`{"s":"{{utf}}"}`, "control character")
	g(`{"s":"{{long}}"}`, "has 257 bytes, the limit is 256")
	g(`{"s":"`+strings.Repeat("{{wide}}", 65)+`"}`, "the limit is 16384")
}

func TestPolicy_RefusesAWordThatCanNeverBeFilledIn(t *testing.T) {
	t.Parallel()
	f := func(with, field string, position int, why string) {
		t.Helper()
		_, err := vigil.ParsePolicy([]byte(`{"name":"a","module":"m","select":"x","target":"service:a","runbook":[{"action":"b"},{"action":"b","with":` + with + `}]}`))
		e := vigil.AsError(err)
		if err == nil {
			t.Fatalf("%s is taken", with)
		}
		if e.Fields["field"] != field || e.Fields["position"] != position || !strings.Contains(e.Msg, why) {
			t.Errorf("%s: %v at %v:%v, want %s at %s:%d", with, err, e.Fields["field"], e.Fields["position"], why, field, position)
		}
	}
	f(`{"s":"a {{target.nmae}}"}`, "runbook[1].with.s", 3, "{{target.nmae}} is no word; did you mean {{target.name}}?")
	f(`{"s":{"t":["","{{upper service}}"]}}`, "runbook[1].with.s.t[1]", 1, "{{upper service}} is no word; want a label's name or one of policy, target,")
	f(`{"s":"{{.service}}"}`, "runbook[1].with.s", 1, "is no word")
	f(`{"s":"{{service"}`, "runbook[1].with.s", 1, "{{ is nowhere closed by }}")
	f(`{"s":"{{}}"}`, "runbook[1].with.s", 1, "is no word")
	f(`{"s":"on ${host}"}`, "runbook[1].with.s", 4, "${host} is not filled in; write {{host}}")
}
