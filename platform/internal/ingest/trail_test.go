package ingest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

func request(trace flow.SpanContext, sentAt time.Time) flow.IngestRequest {
	return flow.IngestRequest{
		Body: []byte(`{"name":"a","value":1}`), Trace: trace, SentAt: sentAt, Started: start.Add(-time.Millisecond),
	}
}

func names(spans []flow.Span) (out []string) {
	for _, s := range spans {
		out = append(out, s.Name)
	}
	return out
}

func TestTrail_HangsOnTheSendersSpan(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	sender := flow.NewTrace()
	sent := start.Add(-3 * time.Millisecond)
	if _, err := in.JSON(t.Context(), request(sender, sent)); err != nil {
		t.Fatal(err)
	}
	if len(w.spans) != 0 {
		t.Errorf("spans of an unsampled request emitted: %v", names(w.spans))
	}
	trail := w.offered[0].Trail
	spans := trail.Take()
	if diff := cmp.Diff([]string{"agent.send", "ingest", "metrics.commit"}, names(spans)); diff != "" {
		t.Fatalf("spans (-want +got):\n%s", diff)
	}
	agent, ingested, commit := spans[0], spans[1], spans[2]
	if agent.Context != sender || agent.Parent != (flow.SpanID{}) || !agent.Start.Equal(sent) || agent.Service != "agent" {
		t.Errorf("agent span = %+v", agent)
	}
	if ingested.Parent != sender.Span || ingested.Context.Trace != sender.Trace || ingested.Context != trail.Context {
		t.Errorf("ingest span = %+v, trail hangs on %v", ingested, trail.Context)
	}
	if !ingested.Start.Equal(start.Add(-time.Millisecond)) || ingested.Service != "collector" {
		t.Errorf("ingest span starts %v in %q", ingested.Start, ingested.Service)
	}
	if commit.Parent != ingested.Context.Span || commit.Context.Trace != sender.Trace {
		t.Errorf("commit span = %+v", commit)
	}
}

func TestTrail_IsEmittedOnceWhenSampled(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	sender := flow.NewTrace()
	sender.Sampled = true
	if _, err := in.JSON(t.Context(), request(sender, start)); err != nil {
		t.Fatal(err)
	}
	if len(w.spans) != 3 || !w.spans[1].Context.Sampled {
		t.Errorf("emitted %v", names(w.spans))
	}
	if again := w.offered[0].Trail.Take(); again != nil {
		t.Errorf("Take after the emission = %v, want nil", names(again))
	}
}

func TestTrail_StartsATraceWhenTheSenderHasNone(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	if _, err := in.JSON(t.Context(), request(flow.SpanContext{}, start)); err != nil {
		t.Fatal(err)
	}
	trail := w.offered[0].Trail
	if spans := trail.Take(); len(spans) != 2 || spans[0].Parent != (flow.SpanID{}) || !trail.Context.Valid() {
		t.Errorf("spans = %+v", spans)
	}
}

func TestTrail_DoesNotBelieveAClockAhead(t *testing.T) {
	t.Parallel()
	w, in := newWorld()
	if _, err := in.JSON(t.Context(), request(flow.NewTrace(), start.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if sent := w.offered[0].Trail.Take()[0]; sent.Start.After(sent.End) {
		t.Errorf("agent span %v to %v", sent.Start, sent.End)
	}
}
