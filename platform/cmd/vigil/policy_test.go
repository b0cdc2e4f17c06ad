package main

import (
	"testing"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestModeInForce_SaysWhatBreakersMadeOfIt(t *testing.T) {
	t.Parallel()
	of := func(whys ...string) (stopped []vigil.Breaker) {
		for _, why := range whys {
			stopped = append(stopped, vigil.Breaker{Policy: "webs", Why: why})
		}
		return append(stopped, vigil.Breaker{Policy: "another", Why: vigil.WhyFailing})
	}
	f := func(mode vigil.Mode, stopped []vigil.Breaker, want string) {
		t.Helper()
		if got := modeInForce(vigil.Policy{Name: "webs", Mode: mode}, stopped); got != want {
			t.Errorf("%s with %v: %q, want %q", mode, stopped, got, want)
		}
	}
	f(vigil.Auto, of(), "auto")
	f(vigil.Auto, of(vigil.WhyStorm), "auto (storm)")
	f(vigil.Auto, of(vigil.WhyFailing), "suggest (failing)")
	f(vigil.Shadow, of(vigil.WhyFailing), "shadow (failing)")
	f(vigil.Auto, of(vigil.WhyIneffective, vigil.WhyIneffective, vigil.WhyStorm), "auto (ineffective, storm)")
}

func TestPromoted_GoesOneStepUnlessABreakerHasTripped(t *testing.T) {
	t.Parallel()
	f := func(mode, to, want vigil.Mode, code string, whys ...string) {
		t.Helper()
		p := vigil.DefaultPolicy()
		p.Name, p.Module, p.Select.Selector, p.Target, p.Mode = "webs", "threshold", "up", "service:web", mode
		p.Runbook = []vigil.Step{{Action: "restart-service"}}
		var stopped []vigil.Breaker
		for _, why := range whys {
			stopped = append(stopped, vigil.Breaker{Policy: "webs", Why: why})
		}
		got, err := promoted(p, to, stopped)
		if got != want || vigil.CodeOf(err) != code {
			t.Errorf("promoted(%s, %q, %v) = %s, %v, want %s, %q", mode, to, whys, got, err, want, code)
		}
	}
	f(vigil.Disabled, "", vigil.Shadow, "")
	f(vigil.Shadow, "", vigil.Suggest, "")
	f(vigil.Shadow, vigil.Suggest, vigil.Suggest, "")
	f(vigil.Shadow, vigil.Auto, "", "promotion_step")
	f(vigil.Suggest, "", vigil.Auto, "", vigil.WhyStorm)
	f(vigil.Suggest, vigil.Shadow, "", "promotion_step")
	f(vigil.Suggest, "", "", "promotion_stopped", vigil.WhyFailing)
	f(vigil.Suggest, "", "", "promotion_stopped", vigil.WhyIneffective)
	f(vigil.Auto, "", "", "promotion_done")
}
