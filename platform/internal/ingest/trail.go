package ingest

import (
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// trail records the way of a stored request: the sender's span, which the
// collector tells on behalf of agents that carry no tracer, the ingest span
// below it, and the commit below that.
func trail(r flow.IngestRequest, tenant string, receipt flow.Receipt, committing, end time.Time) *flow.Trail {
	t := &flow.Trail{Context: flow.NewTrace()}
	var parent flow.SpanID
	if r.Trace.Valid() {
		t.Context, parent = r.Trace.Child(), r.Trace.Span
		if !r.SentAt.IsZero() {
			t.Spans = append(t.Spans, sent(r, end))
		}
	}
	t.Spans = append(t.Spans,
		flow.Span{
			Name: "ingest", Service: "collector", Context: t.Context, Parent: parent, Start: r.Started, End: end,
			Attrs: []flow.Attr{
				{Key: "vigil.tenant", Value: tenant},
				{Key: "vigil.samples", Value: int64(receipt.Accepted)},
				{Key: "vigil.rejected", Value: int64(len(receipt.Rejected))},
			},
		},
		flow.Span{
			Name: "metrics.commit", Service: "collector", Context: t.Context.Child(), Parent: t.Context.Span,
			Start: committing, End: end,
		})
	return t
}

// sent is the sender's span: the traceparent named it, so it is the root. A
// sender whose clock is ahead did not send after we received.
func sent(r flow.IngestRequest, end time.Time) flow.Span {
	start := r.SentAt
	if start.After(r.Started) {
		start = r.Started
	}
	return flow.Span{Name: "agent.send", Service: "agent", Context: r.Trace, Start: start, End: end}
}
