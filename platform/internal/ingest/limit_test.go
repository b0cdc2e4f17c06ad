package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"

	"github.com/techmedaddy/vigil/platform/internal/ingest"
	"github.com/techmedaddy/vigil/platform/internal/metrics"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestRemoteWrite_AMillionNewSeriesLeaveTheKnownOnesAlone(t *testing.T) {
	t.Parallel()
	const most = 1000
	now := func() time.Time { return start }
	store, err := metrics.Open(t.Context(), metrics.Disk{Journal: noJournal{}, Past: noJournal{}}, metrics.Options{MaxSeries: most, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	in := ingest.New(ingest.Options{Store: ready{store}, Sink: ready{}, Now: now})
	var known, fresh []prompb.TimeSeries
	for i := range most {
		known = append(known, timeSeries(named("known", "id", fmt.Sprint(i)), 0, 1))
	}
	for i := range 50_000 { // who is refused stays new
		fresh = append(fresh, timeSeries(named("request", "uuid", fmt.Sprintf("%032d", i)), 0, 1))
	}
	old, flood := writeRequest(t, known...), writeRequest(t, fresh...)
	both := append(writeRequest(t, known...), flood...) // two messages in a row are one with all their series
	if got, err := remoteWrite(t, in, old); err != nil || got.Accepted != most {
		t.Fatalf("RemoteWrite = %+v, %v", got, err)
	}
	for range 10 {
		if _, err := remoteWrite(t, in, flood); vigil.CodeOf(err) != "series_limit" || vigil.KindOf(err) != vigil.Busy {
			t.Fatalf("RemoteWrite of new series = %v, want series_limit", err)
		}
		got, err := remoteWrite(t, in, both)
		if err != nil || got.Accepted != most || got.Refused != len(fresh) {
			t.Fatalf("RemoteWrite of known and new series = %d accepted, %d refused, %v", got.Accepted, got.Refused, err)
		}
	}
	if n := store.Series(); n != most {
		t.Errorf("%d series are known, want %d", n, most)
	}
}
