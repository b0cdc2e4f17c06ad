package capability

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	maxCalls      = 64        // host calls of one run
	maxKept       = 16 << 10  // bytes of one request or reply that a transcript keeps
	maxTranscript = 256 << 10 // and of all of them together
)

// Session answers the host calls of one run of an action and keeps their
// transcript.
type Session struct {
	broker *Broker
	verbs  map[string]Verb
	lease  flow.Lease
	trace  flow.SpanContext
	holds  func() error
	// granted is asked at each use, since a grant may be taken back meanwhile.
	granted func() []vigil.Grant

	mu    sync.Mutex
	calls []vigil.HostCall // guarded by mu
	kept  int              // guarded by mu: bytes of requests and replies in calls
}

// Calls returns the transcript so far.
func (s *Session) Calls() []vigil.HostCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]vigil.HostCall(nil), s.calls...)
}

// Call carries out one host call and returns the JSON of a vigil.CallReply. A
// call beyond the run's quota is refused and leaves no line.
func (s *Session) Call(ctx context.Context, op string, req []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) >= maxCalls {
		return EncodeReply(nil, vigil.Errorf(vigil.Held, "guest_quota", "more than %d host calls in one run", maxCalls))
	}
	line := vigil.HostCall{Op: bounded(op, 64), StartedAt: s.broker.o.Now()}
	data, kept, err := s.carryOut(ctx, &line, op, req)
	end := s.broker.o.Now()
	line.Took = vigil.Duration(max(0, end.Sub(line.StartedAt)))
	line.Code = vigil.CodeOf(err)
	line.Request, line.Reply = s.keep(line.Request), s.keep(kept)
	s.calls = append(s.calls, line)
	s.tell(line, err)
	return EncodeReply(data, err)
}

// carryOut checks the call and does it; every check stands before the effect.
func (s *Session) carryOut(ctx context.Context, line *vigil.HostCall, op string, req []byte) (data, kept json.RawMessage, err error) {
	verb, ok := s.verbs[op]
	if !ok {
		return nil, nil, vigil.Errorf(vigil.NotFound, "capability_unknown", "no capability %q", line.Op)
	}
	deed, err := verb(req)
	if err != nil {
		return nil, nil, err
	}
	line.Target = deed.Target
	if line.Request, err = json.Marshal(deed.Request); err != nil {
		return nil, nil, fmt.Errorf("keep request of %s: %w", op, err)
	}
	if err := s.allow(op, line, deed); err != nil {
		return nil, nil, err
	}
	answer, err := deed.Do(ctx, s.may(op, line, deed)...)
	if err != nil && answer.Kept == nil {
		return nil, nil, err
	}
	data, kept, encodeErr := answer.encode()
	return data, kept, cmp.Or(err, encodeErr)
}

// keep returns what a transcript keeps of a request or reply: all of it, as long
// as there is room. A transcript travels in a report of bounded size.
func (s *Session) keep(doc json.RawMessage) json.RawMessage {
	if len(doc) > maxKept || s.kept+len(doc) > maxTranscript {
		doc = fmt.Appendf(nil, `{"left_out":"%d bytes"}`, len(doc))
	}
	s.kept += len(doc)
	return doc
}

// allow says what stands against a deed before its turn has come: what is lost
// or spent already need not wait for it.
func (s *Session) allow(op string, line *vigil.HostCall, deed Deed) error {
	if own := (vigil.Target{Kind: s.lease.Target.Kind, Name: s.lease.Target.Name}); deed.Treats && deed.Target != own.String() {
		return denied("%s is not the target of this remediation (%s)", line.Target, s.lease.Target)
	}
	grants := s.granted()
	if err := s.permit(grants, op, line.Target, line.StartedAt); err != nil {
		return err
	}
	if !deed.Effect {
		return nil
	}
	if err := s.holds(); err != nil {
		return err
	}
	return s.spend(grants, op, line, true)
}

// permit asks the registry's rule for a target anywhere, and for it on this
// host: a grant may name one.
func (s *Session) permit(grants []vigil.Grant, op, target string, now time.Time) error {
	err := s.broker.o.Allows(grants, op, target, now)
	if host := s.lease.Target.Host; err != nil && host != "" && s.broker.o.Allows(grants, op, target+"@"+host, now) == nil {
		return nil
	}
	return err
}

// may is what is asked right before the effect; the use is counted last. To ask
// for the grants is to ask the collector, whose answer may end the lease, so
// that the lease is looked at after it.
func (s *Session) may(op string, line *vigil.HostCall, deed Deed) []func() error {
	if !deed.Effect || deed.DryRun {
		return nil
	}
	return []func() error{func() error {
		grants := s.granted()
		if err := s.holds(); err != nil {
			return err
		}
		return s.spend(grants, op, line, false)
	}}
}

// spend takes one use from the budgets of the grants that allow the call, or
// only looks whether there is one.
func (s *Session) spend(grants []vigil.Grant, op string, line *vigil.HostCall, onlyLook bool) error {
	now := s.broker.o.Now()
	var may []vigil.Grant
	for _, g := range grants {
		if s.permit([]vigil.Grant{g}, op, line.Target, now) == nil {
			may = append(may, g)
		}
	}
	return s.broker.budgets.spend(may, now, onlyLook)
}

func denied(format string, args ...any) error {
	return vigil.Errorf(vigil.Held, string(vigil.BlockDenied), format, args...)
}

// EncodeReply makes the guest's answer, a vigil.CallReply as JSON.
func EncodeReply(data json.RawMessage, err error) []byte {
	b, _ := json.Marshal(vigil.Answered(data, err)) // strings and checked JSON, cannot fail
	return b
}

// tell logs a failed call and emits the call's span.
func (s *Session) tell(line vigil.HostCall, err error) {
	span := flow.Span{
		Name: line.Op, Service: "remediator",
		Context: s.trace.Child(), Parent: s.trace.Span,
		Start: line.StartedAt, End: line.StartedAt.Add(line.Took.D()),
		Attrs: []flow.Attr{
			{Key: "vigil.remediation", Value: s.lease.Remediation},
			{Key: "vigil.target", Value: line.Target},
			{Key: "vigil.module", Value: s.lease.Digest},
		},
	}
	if err != nil {
		span.Err = vigil.AsError(err).Msg
		span.Attrs = append(span.Attrs, flow.Attr{Key: "vigil.code", Value: line.Code})
		s.broker.o.Log.Warn("host call failed", "remediation", s.lease.Remediation, "target", line.Target, "err", err)
	}
	if s.trace.Valid() {
		s.broker.o.Emit(span)
	}
}

// bounded keeps a text short and printable enough for a transcript.
func bounded(text string, longest int) string {
	return strings.ToValidUTF8(text[:min(len(text), longest)], "?")
}
