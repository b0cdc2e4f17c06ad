package sqlite_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestState_KeepsAModulesOwn(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	must(t, db.SaveState(t.Context(), []flow.StateChange{
		{Space: "policy:a", Key: "k", Value: []byte("1")},
		{Space: "policy:a", Key: "k", Value: []byte("é\x00")},
		{Space: "policy:a", Key: "empty", Value: []byte{}},
		{Space: "policy:a", Key: "gone", Value: []byte("1")},
		{Space: "policy:a", Key: "gone"},
		{Space: "policy:b", Key: "k", Value: []byte("b")},
	}))
	got, err := db.State(t.Context(), "policy:a")
	must(t, err)
	if diff := cmp.Diff(map[string][]byte{"k": []byte("é\x00"), "empty": {}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if size, err := db.StateSize(t.Context()); err != nil || size != 1+3+5+1+1 {
		t.Errorf("StateSize = %d, %v, want 11", size, err)
	}
	must(t, db.ClearState(t.Context(), "policy:a"))
	got, err = db.State(t.Context(), "policy:a")
	must(t, err)
	other, err := db.State(t.Context(), "policy:b")
	must(t, err)
	if len(got) != 0 || len(other) != 1 {
		t.Errorf("after ClearState: %v and %v", got, other)
	}
}

// decisions are so many, two of each evaluation.
func decisions(from, to int) (ds []vigil.Decision) {
	var calls []vigil.HostCall
	for i := from; i < to; i++ {
		if i%2 == 0 {
			calls = []vigil.HostCall{{Op: vigil.OpQuery, Target: fmt.Sprint("metric:m", i), Reply: []byte(`{"series":[]}`), StartedAt: noon()}}
		}
		ds = append(ds, vigil.Decision{
			ID: fmt.Sprint("dec-", i), Policy: "p", Target: vigil.Target{Kind: "service", Name: "web"},
			Verdict: vigil.VerdictFire, At: noon(), Received: noon(), Calls: calls,
		})
	}
	return ds
}

func TestDecision_KeepsTheHostCallsOfTheNewestEvaluations(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	ds := decisions(0, 2010) // 1,005 evaluations
	must(t, db.SaveEpisodes(t.Context(), nil, ds[:1000]))
	must(t, db.SaveEpisodes(t.Context(), nil, ds[1000:]))
	f := func(i int, kept bool) {
		t.Helper()
		got, err := db.Decision(t.Context(), ds[i].ID)
		must(t, err)
		want := ds[i]
		if !kept {
			want.Calls = nil
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("decision %d (-want +got):\n%s", i, diff)
		}
	}
	f(2009, true)
	f(2008, true)
	f(1000, true)
	f(0, false)
	f(1, false)
	listed, err := db.Decisions(t.Context(), "p", 2)
	must(t, err)
	if len(listed) != 2 || listed[0].Calls != nil {
		t.Errorf("a list carries host calls: %+v", listed)
	}
}
