package flow

import "time"

// IngestRequest is one ingest POST as the HTTP edge hands it on: the raw body,
// already within its size limits and inflated.
type IngestRequest struct {
	By          Principal
	Body        []byte // owned by the callee only until it returns
	ContentType string
	Trace       SpanContext // from a trusted traceparent; zero if none
	SentAt      time.Time   // by the sender's clock; zero if not said
	Started     time.Time   // when the request arrived
}
