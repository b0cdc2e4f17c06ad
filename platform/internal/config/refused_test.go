package config_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/config"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// policyWith is a policy of four good lines and what follows them, from line 5 on.
func policyWith(more string) string {
	return "name: a\nmodule: m\nselect: x\ntarget: service:a\n" + more + "\n"
}

// Each row is a document, where it is wrong, and what is said of it. Below the
// message stands the line, and below that a caret under the column.
func TestPolicy_RefusesABadDocumentWhereItIsBad(t *testing.T) {
	t.Parallel()
	f := func(doc, want string) {
		t.Helper()
		_, err := config.Policy("p.yaml", []byte(doc))
		if err == nil || !strings.HasPrefix(err.Error(), "p.yaml:"+want) || vigil.KindOf(err) != vigil.Invalid {
			t.Errorf("%q: %v, want it refused at %s", doc, err, want)
			return
		}
		place := strings.SplitN(want, ":", 3)
		line, _ := strconv.Atoi(place[0])
		column, _ := strconv.Atoi(place[1])
		shown := strings.Split(err.Error(), "\n")
		source := strings.Split(doc, "\n")[line-1]
		if len(shown) != 3 || shown[1] != "  "+strings.ReplaceAll(source, "\t", " ") || shown[2] != "  "+strings.Repeat(" ", column-1)+"^" {
			t.Errorf("%q: no line with a caret under column %d:\n%v", doc, column, err)
		}
	}
	// Keys.
	f(policyWith("tagret: service:b"), `5:1: unknown field "tagret"; did you mean target?`)
	f(policyWith("guards:\n  cooldwn: 1s"), `6:3: unknown field "cooldwn"; did you mean cooldown?`)
	f(policyWith("runbook:\n- {action: a}\n- {actoin: b}"), `7:4: unknown field "actoin"; did you mean action?`)
	f(policyWith("settings: {cooldwn: 1}\nguards: {cooldwn: 1s}"), `6:10: unknown field "cooldwn"`) // settings are the module's
	f(policyWith("Mode: auto"), `5:1: unknown field "Mode"; did you mean mode?`)
	f(policyWith("name: b"), `5:1: mapping key "name" already defined at line 1`)
	f(policyWith("1: b"), `5:1: key "1" is no text; put it in quotes`)
	// Selectors, targets and names. What is missing is missed at the document's beginning.
	f("name: a\nmodule: m\ntarget: service:a\n", "1:1: policy a: select: an empty selector matches nothing; name a metric, for example cpu_usage")
	f("name: a\nmodule: m\nselect: ''\ntarget: service:a\n", "3:1: policy a: select: an empty selector matches nothing")
	f("name: a\nmodule: m\nselect: x\ntarget: ''\n", `4:1: target "": want service:NAME or host:NAME`)
	f("name: a\nselect: x\ntarget: service:a\n", "1:1: policy a: module: missing; name an uploaded module")
	f("name: A B\nmodule: m\nselect: x\ntarget: service:a\n", "1:1: policy A B: name: want lower-case letters")
	// Values, each where it stands, also if the same text stands elsewhere before.
	f(policyWith("settings: {a: -1s}\nfor: -1s"), `6:6: duration "-1s": want for example 2s, 5m or 15d`)
	f(policyWith("guards: {max_concurrent: 150%}"), `5:26: share "150%": a percentage is at most 100`)
	f(policyWith("guards: {storm: {share: 101%}}"), `5:25: share "101%": a percentage is at most 100`)
	f(policyWith("runbook:\n- {action: a}\n- action: b\n  timeout: -3s"), `8:12: duration "-3s"`)
	f(policyWith("runbook:\n- {action: a}\n- {action: b, timeout: 2h}"), "7:15: policy a: runbook[1].timeout: want at most 1h")
	f(policyWith("runbook:\n- {action: a, with: {}}\n- {action: b, with: [1]}"), "7:15: policy a: runbook[1].with: want an object, for example {}")
	f(policyWith("runbook:\n- {action: a}\n- {timeout: 3s}"), "7:3: policy a: runbook[1].action: missing; name an action module")
	f(policyWith("guards: {trip_after: many}"), "5:22: want a whole number")
	f(policyWith("for: [1s]"), "5:6: want a text, for example 30s")
	f(policyWith("group: 7"), `5:8: want a text: put it in quotes, "7"`)
	f(policyWith("runbook: {action: a}"), "5:10: want a list, each of its items after a dash or all in [ ]")
	f(policyWith("mode: atuo"), `5:1: policy a: mode: "atuo" is none of disabled, shadow, suggest, auto`)
	f(policyWith("settings: {a: .nan}"), "5:15: NaN is no finite number")
	f(policyWith("runbook:\n- {action: a, fail_early: 1m}\n- {action: b, fail_early: 5m}"), "7:15: policy a: runbook[1].fail_early: want less than the verify.window of 5m")
	f(policyWith("runbook:\n- action: a\n  undo: {actoin: b}"), `7:10: unknown field "actoin"; did you mean action?`)
	f(policyWith("runbook:\n- action: a\n  undo: {action: b, undo: {action: c}}"), "7:3: policy a: runbook[0].undo: has only action, with and timeout")
	// Words of parameters.
	f(policyWith("runbook:\n- {action: a}\n- action: b\n  with: {to: ['', 'on {{target.nmae}}']}"), `8:23: policy a: runbook[1].with.to[1]: {{target.nmae}} is no word; did you mean {{target.name}}?`)
	f(policyWith("runbook: [{action: a, with: {host: '${host}'}}]"), "5:37: policy a: runbook[0].with.host: ${host} is not filled in; write {{host}}")
	// Documents that are none.
	f("- a\n- b\n", "1:1: want keys with values, of name, module, select, settings")
	f(policyWith("---\nname: b"), "5:1: yaml: expected single document, found multiple")
	f("\tname: a\n", "1:1: found character that cannot start any token")
	f("name: [[[[", "1:11: did not find expected node content")
	// Tags, and aliases of aliases.
	f(policyWith("for: !!int 3"), `5:6: tag "!!int": tags are not read; write the value without it`)
	f(policyWith("settings: {a: !ruby/object {b: 1}}"), `5:15: tag "!ruby/object": tags are not read`)
	f(policyWith("settings: {a: &a {<<: *a}}"), `5:23: alias "a" stands within what it names`)
	f(policyWith("settings: {a: &a [*a]}"), `5:19: alias "a" stands within what it names`)
}

func TestPolicy_TakesAnAliasForARepeatedValue(t *testing.T) {
	t.Parallel()
	p, err := config.Policy("p.yaml", []byte(policyWith("for: &wait 3s\nrecover_for: *wait\nrunbook: [&r {action: b}, {<<: *r, timeout: 3s}]")))
	if err != nil || p.RecoverFor != p.For || p.Runbook[1].Action != "b" {
		t.Errorf("policy = %+v, %v", p, err)
	}
}

// A bomb is a few bytes that stand for many, or a megabyte that is nothing but
// work. Neither may take much memory.
func TestPolicy_RefusesABombWithoutUnfoldingIt(t *testing.T) {
	f := func(name, doc, want string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := config.Policy("p.yaml", []byte(doc))
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
			t.Errorf("%s: %.300v, want %s", name, err, want)
		}
		if took := after.HeapSys - before.HeapSys; after.HeapSys > before.HeapSys && took > 100<<20 {
			t.Errorf("%s grew the heap by %d MB", name, took>>20)
		}
	}
	laughs := "settings:\n  a: &a [l,l,l,l,l,l,l,l,l,l]\n"
	for c := 'b'; c <= 'i'; c++ {
		prev := string(c - 1)
		laughs += "  " + string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+prev+",", 10), ",") + "]\n"
	}
	f("a billion laughs", policyWith(laughs), "the document unfolds to more than 200000 values")
	f("many aliases", policyWith("settings: {a: &a 1, b: ["+strings.Repeat("*a,", 100_000)+"1]}"), "more than 100 aliases")
	f("many anchors", policyWith("settings: ["+strings.Repeat("&a 1,", 150_000)+"1]"), "p.yaml:")
	f("deep nesting", "name: "+strings.Repeat("[", 500_000), "exceeded max depth")
	f("many values", policyWith("settings: ["+strings.Repeat("1,", 400_000)+"1]"), "the document unfolds to more than 200000 values")
	f("a hundred megabytes", policyWith("settings: "+strings.Repeat("x", 100<<20)), "larger than 1048576 bytes")
}
