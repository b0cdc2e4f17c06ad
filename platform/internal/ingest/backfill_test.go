package ingest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/sdk/abi"
)

func TestBackfill_IsStoredAndShownToNobody(t *testing.T) {
	t.Parallel()
	w, _ := newWorld()
	in := ingest.New(ingest.Options{
		Store: w, Sink: w, Now: func() time.Time { return start }, Limits: ingest.Limits{Backfill: 48 * time.Hour},
	})
	send := func(series ...float64) flow.Receipt {
		t.Helper()
		got, err := remoteWrite(t, in, writeRequest(t, timeSeries(named("a"), series...), timeSeries(named("b"), -90_000, 9)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := send(-86_400, 1, 0, 3, -3601, 2, -3600, 4, -172_801, 5)
	want := flow.Receipt{Accepted: 5, Refused: 1, Rejected: []flow.Rejection{{Index: 4, Field: "ts", Code: "sample_too_old"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a 1 -24h0m0s", "a 2 -1h0m1s", "a 4 -1h0m0s", "a 3 0s", "b 9 -25h0m0s"}, w.stored()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	runs := w.batches[0].Runs
	if len(runs) != 3 || runs[0].Flags != abi.FlagLate || runs[0].Count != 2 || runs[1].Flags != 0 || runs[2].Flags != abi.FlagLate {
		t.Errorf("runs stored = %+v, want the old parts flagged late", runs)
	}
	if shown := w.offered[0].Runs; len(shown) != 1 || shown[0].First != 2 || shown[0].Count != 2 {
		t.Errorf("runs shown to policies = %+v, want those of the last hour", shown)
	}
	if send(-86_400, 1); len(w.offered) != 1 || len(w.batches) != 2 {
		t.Errorf("%d batches stored and %d shown: of one that is all history nothing is", len(w.batches), len(w.offered))
	}
}
