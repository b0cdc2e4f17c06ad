package flow

import (
	"crypto/rand"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// TraceID is a trace's W3C Trace Context identifier; zero is invalid.
type TraceID [16]byte

// SpanID is a span's W3C Trace Context identifier; zero is invalid.
type SpanID [8]byte

// SpanContext names a span from afar: what traceparent carries.
type SpanContext struct {
	Trace   TraceID
	Span    SpanID
	Sampled bool
}

// Valid reports whether both identifiers are set.
func (c SpanContext) Valid() bool { return c.Trace != TraceID{} && c.Span != SpanID{} }

// NewTrace starts a trace that nobody asked to sample.
func NewTrace() SpanContext {
	var c SpanContext
	_, _ = rand.Read(c.Trace[:]) // documented never to fail
	_, _ = rand.Read(c.Span[:])
	return c
}

// Child returns a new span's context in the same trace.
func (c SpanContext) Child() SpanContext {
	_, _ = rand.Read(c.Span[:])
	return c
}

// String renders the W3C traceparent header (version 00); "" if not valid.
func (c SpanContext) String() string {
	if !c.Valid() {
		return ""
	}
	flags := "-00"
	if c.Sampled {
		flags = "-01"
	}
	return "00-" + hex.EncodeToString(c.Trace[:]) + "-" + hex.EncodeToString(c.Span[:]) + flags
}

// ParseTraceparent reads a traceparent header. What is malformed is as good as
// absent: the second result is false.
func ParseTraceparent(s string) (SpanContext, bool) {
	var c SpanContext
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" || (len(s) > 55 && (s[:2] == "00" || s[55] != '-')) {
		return SpanContext{}, false
	}
	var version, flags [1]byte
	for _, part := range []struct {
		dst []byte
		src string
	}{{version[:], s[:2]}, {c.Trace[:], s[3:35]}, {c.Span[:], s[36:52]}, {flags[:], s[53:55]}} {
		if _, err := hex.Decode(part.dst, []byte(part.src)); err != nil {
			return SpanContext{}, false
		}
	}
	c.Sampled = flags[0]&1 == 1
	return c, c.Valid()
}

// Attr is one attribute of a span; Value is a string, bool, int64 or float64.
type Attr struct {
	Key   string
	Value any
}

// Span is a finished piece of work with its real times. The core records spans
// as values and telemetry exports them later, so that a span can be decided on
// after its work is done, and recording never blocks.
type Span struct {
	Name    string
	Service string // the role that did the work: agent, collector, remediator
	Context SpanContext
	Parent  SpanID // zero for a root
	Links   []SpanContext
	Start   time.Time
	End     time.Time
	Attrs   []Attr
	Err     string // "" when it went well
}

// Trail is the part of a trace that led to a batch: the agent's POST and the
// ingest. It is exported at most once, when somebody sampled the request or a
// policy fired on it.
type Trail struct {
	Context SpanContext // of the newest span: what comes next is its child
	Spans   []Span
	taken   atomic.Bool
}

// Take returns the spans to the first caller and nil to all others.
func (t *Trail) Take() []Span {
	if t == nil || t.taken.Swap(true) {
		return nil
	}
	return t.Spans
}
