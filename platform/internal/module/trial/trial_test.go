package trial_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/module/trial"
	"github.com/techmedaddy/vigil/sdk/actiontest"
	"github.com/techmedaddy/vigil/sdk/policytest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// line is a policy in no sandbox: it fires above 1, on the last sample of each
// run if it is hasty, and says broken if it is that.
type line struct {
	hasty  bool
	broken error
	series []vigil.Series
}

func (l *line) Configure(_ context.Context, _ uint32, settings []byte) error {
	if strings.Contains(string(settings), "beside") {
		return vigil.Errorf(vigil.Invalid, "settings_invalid", "no").With("reason", "settings_unknown_field").With("field", "beside")
	}
	return nil
}

func (l *line) Eval(_ context.Context, ask flow.Ask) (said []flow.Judgement, err error) {
	for i, r := range ask.Runs {
		l.series = append(l.series, r.Meta)
		for n := r.First; n < r.First+r.Count; n++ {
			if l.hasty && n+1 < r.First+r.Count {
				continue
			}
			j := flow.Judgement{Run: i, Verdict: vigil.VerdictOK, Value: ask.Values[n], At: time.Unix(0, ask.Times[n]), Runbook: 65535}
			if ask.Values[n] > 1 {
				j.Verdict, j.Message = vigil.VerdictFire, "over one"
			}
			said = append(said, j)
		}
	}
	return said, l.broken
}

const fires = `{
	"series": [{"name": "a", "labels": {"host": "x"}, "samples": [[0, 0], [1, 2], [2, 3], [3, 0.5]]}],
	"want": [{"kind": "ok", "at": 0}, {"kind": "fire", "at": 1, "message": "over one"}, {"kind": "ok", "at": 3}]
}`

func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func play(t *testing.T, p trial.Policy, native, doc string) []trial.Result {
	t.Helper()
	all, err := trial.PlayPolicy(t.Context(), p, []string{file(t, t.TempDir(), "v.json", doc)}, native)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPlayPolicy_PassesWhatIsRightUnderThreeSplits(t *testing.T) {
	t.Parallel()
	p := &line{}
	all := play(t, p, "", fires)
	if len(all) != 3 || trial.Failed(all) != 0 || all[0].Compared {
		t.Errorf("results %+v", all)
	}
	if got := p.series[0].String(); got != `a{host="x"}` {
		t.Errorf("the sandbox was told of series %s", got)
	}
}

func TestPlayPolicy_FindsDecisionsThatDependOnBatches(t *testing.T) {
	t.Parallel()
	all := play(t, &line{hasty: true}, "", fires)
	if all[0].OK || !all[1].OK || all[2].OK {
		t.Errorf("results %+v, want one at a time alone to pass", all)
	}
}

func TestPlayPolicy_ComparesWithWhatWasSaidNatively(t *testing.T) {
	t.Parallel()
	native := t.TempDir()
	whole := policytest.Splits()[0]
	file(t, native, policytest.PlayedName("v.json", whole), `[{"series":0,"kind":"ok","at":0,"value":0},{"series":0,"kind":"fire","at":1,"message":"over 1"},{"series":0,"kind":"ok","at":3}]`)
	all := play(t, &line{}, native, fires)
	if all[0].OK || !all[0].Compared || !strings.Contains(all[0].Diff, "against native") {
		t.Errorf("whole: %+v", all[0])
	}
	if !all[1].OK || all[1].Compared {
		t.Errorf("one at a time, which left no record: %+v", all[1])
	}
}

func TestPlayPolicy_HoldsRefusedSettingsAgainstTheFaultWanted(t *testing.T) {
	t.Parallel()
	f := func(doc string, ok bool) {
		t.Helper()
		if all := play(t, &line{}, "", doc); len(all) != 1 || all[0].OK != ok {
			t.Errorf("%s: %+v", doc, all)
		}
	}
	f(`{"settings":{"beside":1},"refused":{"code":"settings_unknown_field","path":"beside"}}`, true)
	f(`{"settings":{"beside":1},"refused":{"code":"settings_unknown_field","path":"above"}}`, false)
	f(`{"settings":{},"refused":{"code":"settings_invalid","path":"above"}}`, false)
}

func TestPlayPolicy_EndsWithTheGuest(t *testing.T) {
	t.Parallel()
	trap := vigil.Errorf(vigil.Invalid, "guest_trap", "unreachable")
	if all := play(t, &line{broken: trap}, "", fires); trial.Failed(all) != 3 || !strings.Contains(all[0].Diff, "unreachable") {
		t.Errorf("results %+v", all)
	}
	path := file(t, t.TempDir(), "v.json", fires)
	closed := vigil.Errorf(vigil.Conflict, "guest_closed", "gone")
	if _, err := trial.PlayPolicy(t.Context(), &line{broken: closed}, []string{path}, ""); vigil.CodeOf(err) != "guest_closed" {
		t.Errorf("PlayPolicy = %v", err)
	}
}

// kick asks for one restart, and says that it did it.
func kick(ctx context.Context, in vigil.ActionInput, w trial.World) (vigil.ActionOutput, []string, error) {
	w.Call(ctx, "service.restart", []byte(`{"service":"`+in.Target.Name+`"}`))
	return vigil.ActionOutput{OK: true, Message: "kicked"}, nil, nil
}

func TestPlayAction_ComparesOutputAndCalls(t *testing.T) {
	t.Parallel()
	dir, native := t.TempDir(), t.TempDir()
	paths := []string{
		file(t, dir, "a.json", `{"input":{"target":"service:web"},"want":{"ok":true},"calls":[{"op":"service.restart","request":{"service":"web"}}]}`),
		file(t, dir, "b.json", `{"input":{"target":"service:web"},"want":{"ok":true}}`),
	}
	file(t, native, actiontest.PlayedName("a.json"), `{"output":{"ok":true,"message":"did not kick"},"calls":null}`)
	all, err := trial.PlayAction(t.Context(), kick, paths, native)
	if err != nil || len(all) != 2 {
		t.Fatalf("PlayAction = %+v, %v", all, err)
	}
	if all[0].OK || !strings.Contains(all[0].Diff, "natively") {
		t.Errorf("another output natively: %+v", all[0])
	}
	if all[1].OK || !strings.Contains(all[1].Diff, "call 0") {
		t.Errorf("a call too many: %+v", all[1])
	}
}

func TestVectors_SaysWhenThereAreNone(t *testing.T) {
	t.Parallel()
	if _, err := trial.Vectors(t.TempDir()); vigil.CodeOf(err) != "module_vectors" || vigil.AsError(err).Hint == "" {
		t.Errorf("Vectors = %v", err)
	}
}

func TestGuess_TakesWhatIsRequired(t *testing.T) {
	t.Parallel()
	f := func(schema, want string) {
		t.Helper()
		got, err := trial.Guess(json.RawMessage(schema))
		if err != nil || string(got) != want {
			t.Errorf("Guess(%s) = %s, %v, want %s", schema, got, err, want)
		}
	}
	f(``, `{}`)
	f(`{"type":"object","properties":{"a":{"type":"number"}}}`, `{}`)
	f(`{"required":["a","b"],"properties":{"a":{"type":"number","default":7},"b":{"enum":["x","y"]}}}`, `{"a":7,"b":"x"}`)
	f(`{"anyOf":[{"required":["n"]},{"required":["m"]}],"properties":{"n":{"type":"integer","minimum":3}}}`, `{"n":3}`)
	f(`{"required":["gone"]}`, `{"gone":{}}`)
	if _, err := trial.Guess(json.RawMessage(`[]`)); err == nil {
		t.Error("a schema that is none was read")
	}
}

// clock goes on by the same amount at each look.
type clock struct{ now time.Time }

func (c *clock) look() time.Time {
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func TestWeigh_CountsSamplesCallsAndFuel(t *testing.T) {
	t.Parallel()
	p, fuel := &line{}, uint64(0)
	counted := policyFunc(func(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error) {
		fuel += 100 + uint64(len(ask.Times))
		return p.Eval(ctx, ask)
	})
	scale := trial.Scale{Now: (&clock{time.Unix(1e9, 0)}).look, Fuel: func() uint64 { return fuel }, For: time.Millisecond}
	const calls = 1 // in a round, which lasts a millisecond by this clock
	cost, err := scale.Weigh(t.Context(), counted, json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if cost.FuelPerSample != 1.1 || cost.FuelPerCall != 101 || cost.NsPerCall != 1e6/calls || cost.NsPerSample != 1e3/calls {
		t.Errorf("cost %+v", cost)
	}
}

type policyFunc func(context.Context, flow.Ask) ([]flow.Judgement, error)

func (f policyFunc) Configure(context.Context, uint32, []byte) error { return nil }

func (f policyFunc) Eval(ctx context.Context, ask flow.Ask) ([]flow.Judgement, error) {
	return f(ctx, ask)
}
