package vigil_test

import (
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestScope_Covers(t *testing.T) {
	t.Parallel()
	f := func(s vigil.Scope, policy, target string, want bool) {
		t.Helper()
		at, err := vigil.ParseTarget(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Covers(policy, at); got != want {
			t.Errorf("%s covers %q on %s = %v, want %v", s.Says(), policy, target, got, want)
		}
	}
	to := func(pattern string) vigil.Scope { return vigil.Scope{Target: pattern} }
	f(vigil.Scope{}, "", "service:web", true)
	f(vigil.Scope{Policy: "cpu-high"}, "cpu-high", "service:web@a", true)
	f(vigil.Scope{Policy: "cpu-high"}, "cpu", "service:web@a", false)
	f(vigil.Scope{Policy: "cpu-high"}, "", "service:web@a", false)
	f(to("service:web"), "", "service:web@a", true)
	f(to("service:web"), "", "service:web-2@a", false)
	f(to("service:web@*"), "", "service:web@a", true)
	f(to("service:web@*"), "", "service:web", false)
	f(to("service:*@db-*"), "", "service:web@db-2", true)
	f(to("service:*@db-*"), "", "service:web@web-2", false)
	f(to("host:db-2"), "", "host:db-2@db-2", true)
	f(to("host:db-2"), "", "service:web@db-2", true)
	f(to("host:db-2"), "", "service:web@db-21", false)
	f(to("host:db-*"), "", "service:web@db-21", true)
	f(to("host:db-2"), "", "service:db-2@a", false)
	f(to("service:db-2"), "", "host:db-2@db-2", false)
}

func TestScope_CheckRefusesWhatNamesNothing(t *testing.T) {
	t.Parallel()
	f := func(s vigil.Scope, ok bool) {
		t.Helper()
		err := s.Check()
		if ok != (err == nil) || !ok && vigil.CodeOf(err) != "scope_invalid" {
			t.Errorf("Check(%+v) = %v, want ok %v", s, err, ok)
		}
	}
	f(vigil.Scope{}, true)
	f(vigil.Scope{Policy: "cpu-high"}, true)
	f(vigil.Scope{Target: "service:*@db-*"}, true)
	f(vigil.Scope{Target: "host:*"}, true)
	f(vigil.Scope{Policy: "cpu-high", Target: "service:web"}, false)
	f(vigil.Scope{Policy: "Cpu High"}, false)
	f(vigil.Scope{Target: "*"}, false) // "everything" is said by saying nothing
	f(vigil.Scope{Target: "web"}, false)
	f(vigil.Scope{Target: "service:"}, false)
	f(vigil.Scope{Target: "service:web;rm -rf"}, false)
	f(vigil.Scope{Target: "service:" + strings.Repeat("*", 1000)}, false)
}

func TestPause_IsOverAtItsExpiry(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	if p := (vigil.Pause{}); p.Over(at.AddDate(100, 0, 0)) {
		t.Error("a pause without an expiry is over")
	}
	p := vigil.Pause{Expires: at}
	if p.Over(at.Add(-1)) || !p.Over(at) {
		t.Error("a pause is over exactly from its expiry on")
	}
}
