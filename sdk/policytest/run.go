package policytest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/policy"
)

// Run plays every vector that the glob pattern finds, usually
// "testdata/*.json", as a subtest under all splits.
func Run[S any](t *testing.T, p policy.Policy[S], pattern string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors match %s (%v)", pattern, err)
	}
	player := NewPlayer(policy.NewGuest(p))
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			v, err := Load(os.DirFS(filepath.Dir(path)), filepath.Base(path))
			if err != nil {
				t.Fatal(err)
			}
			player.check(t, v)
		})
	}
}

// Check plays one vector under all splits.
func Check[S any](t *testing.T, p policy.Policy[S], v Vector) {
	t.Helper()
	NewPlayer(policy.NewGuest(p)).check(t, v)
}

func (p *Player) check(t *testing.T, v Vector) {
	t.Helper()
	if v.Refused != nil {
		p.checkRefused(t, v)
		return
	}
	last, under := "", ""
	for _, split := range Splits() {
		got, err := p.Play(v, split)
		if err != nil {
			t.Fatalf("%s: %v", split.Name, err)
		}
		record(t, split, got)
		diff := Diff(v.Want, got)
		switch {
		case diff == last && last != "":
			under += ", " + split.Name // the same mistake is told once
			continue
		case last != "":
			t.Errorf("%s: %s", under, last)
		}
		last, under = diff, split.Name
	}
	if last != "" {
		t.Errorf("%s: %s", under, last)
	}
}

func (p *Player) checkRefused(t *testing.T, v Vector) {
	t.Helper()
	var fault *policy.Fault
	if err := p.Configure(v); !errors.As(err, &fault) || fault.Code != v.Refused.Code || fault.Path != v.Refused.Path {
		t.Errorf("settings %s gave %v, want %s at %q", v.Settings, err, v.Refused.Code, v.Refused.Path)
	}
}

// Diff says in words where what was said differs from what was wanted; "" if
// it does not. The wanted are compared in the order of their series.
func Diff(want, got []Decision) string {
	want = compress(append([]Decision(nil), want...))
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			return "said one too many: " + text(got[i])
		case i >= len(got):
			return "did not say: " + text(want[i])
		case !matches(want[i], got[i]):
			return "said " + text(asked(want[i], got[i])) + "\nwant " + text(want[i])
		}
	}
	return ""
}

func matches(want, got Decision) bool {
	return want.Series == got.Series && want.Kind == got.Kind && want.At == got.At && sameValue(want.Value, got.Value) &&
		same(want.Message, got.Message) && same(want.Severity, got.Severity) && same(want.Runbook, got.Runbook) && same(want.Score, got.Score)
}

func sameValue(want, got *Value) bool {
	return same(want, got) || (got != nil && math.IsNaN(float64(*want)) && math.IsNaN(float64(*got)))
}

// same reports whether got is as wanted; nil is no wish.
func same[T any](want, got *T) bool { return want == nil || reflect.DeepEqual(want, got) }

// asked is what was said of that which was wished for.
func asked(want, got Decision) Decision {
	if want.Value == nil {
		got.Value = nil
	}
	if want.Message == nil {
		got.Message = nil
	}
	if want.Severity == nil {
		got.Severity = nil
	}
	if want.Runbook == nil {
		got.Runbook = nil
	}
	if want.Score == nil {
		got.Score = nil
	}
	return got
}

// text writes a decision for people.
func text(d Decision) string {
	s := fmt.Sprintf("%s at %v on series %d", d.Kind, time.Duration(d.At).Seconds(), d.Series)
	if d.Value != nil {
		s += fmt.Sprintf(", value %v", float64(*d.Value))
	}
	if d.Severity != nil {
		s += fmt.Sprintf(", severity %d", *d.Severity)
	}
	if d.Runbook != nil && *d.Runbook != abi.OwnRunbook {
		s += fmt.Sprintf(", runbook %d", *d.Runbook)
	}
	if d.Score != nil {
		s += fmt.Sprintf(", score %v", *d.Score)
	}
	if d.Message != nil {
		s += fmt.Sprintf(", %q", *d.Message)
	}
	return s
}
