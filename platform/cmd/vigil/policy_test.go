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
