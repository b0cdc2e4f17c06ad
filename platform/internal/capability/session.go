package capability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	maxCalls   = 64       // host calls of one run
	maxRequest = 64 << 10 // bytes of one request
)

// Session answers the host calls of one run of an action and keeps their
// transcript.
type Session struct {
	broker *Broker
	lease  flow.Lease
	trace  flow.SpanContext
	holds  func() error

	mu    sync.Mutex
	calls []vigil.HostCall // guarded by mu
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
		return encodeReply(nil, vigil.Errorf(vigil.Held, "guest_quota", "more than %d host calls in one run", maxCalls))
	}
	line := vigil.HostCall{Op: bounded(op), StartedAt: s.broker.o.Now()}
	data, err := s.carryOut(ctx, &line, op, req)
	end := s.broker.o.Now()
	line.Took = vigil.Duration(max(0, end.Sub(line.StartedAt)))
	line.Code = vigil.CodeOf(err)
	line.Reply = data
	s.calls = append(s.calls, line)
	s.tell(line, err)
	return encodeReply(data, err)
}

// carryOut checks the call and does it; every check stands before the effect.
func (s *Session) carryOut(ctx context.Context, line *vigil.HostCall, op string, req []byte) (json.RawMessage, error) {
	do, ok := s.broker.verbs[op]
	if !ok {
		return nil, vigil.Errorf(vigil.NotFound, "capability_unknown", "no capability %q", line.Op)
	}
	ask, err := decodeRequest(req)
	if err != nil {
		return nil, err
	}
	line.Target = vigil.Target{Kind: "service", Name: ask.Service}.String()
	line.Request, _ = json.Marshal(ask) // two plain fields, cannot fail
	if s.lease.Target.Kind != "service" || ask.Service != s.lease.Target.Name {
		return nil, denied("%s is not the target of this remediation (%s)", line.Target, s.lease.Target)
	}
	if err := s.broker.o.Allows(s.lease.Grants, op, line.Target, line.StartedAt); err != nil {
		return nil, err
	}
	if op != opStatus { // what is lost or spent already need not wait for its turn
		if err := s.holds(); err != nil {
			return nil, err
		}
		if err := s.spend(op, line, true); err != nil {
			return nil, err
		}
	}
	if ask.DryRun {
		do = s.broker.verbs[opStatus]
	}
	st, err := do(ctx, ask.Service, s.holds, func() error { return s.spend(op, line, false) })
	if err != nil {
		return nil, err
	}
	return json.Marshal(st)
}

// spend takes one use from the budgets of the grants that allow the call. What
// only looks is free.
func (s *Session) spend(op string, line *vigil.HostCall, onlyLook bool) error {
	now := s.broker.o.Now()
	var may []vigil.Grant
	for _, g := range s.lease.Grants {
		if s.broker.o.Allows([]vigil.Grant{g}, op, line.Target, now) == nil {
			may = append(may, g)
		}
	}
	return s.broker.budgets.spend(may, now, onlyLook)
}

func denied(format string, args ...any) error {
	return vigil.Errorf(vigil.Held, string(vigil.BlockDenied), format, args...)
}

// decodeRequest reads one request and nothing after it. The service must be a
// name, so that nothing else reaches the transcript, a path or a driver.
func decodeRequest(b []byte) (vigil.ServiceRequest, error) {
	bad := func(format string, args ...any) (vigil.ServiceRequest, error) {
		return vigil.ServiceRequest{}, vigil.Errorf(vigil.Invalid, "request_invalid", format, args...)
	}
	if len(b) > maxRequest {
		return bad("request of %d bytes is over %d", len(b), maxRequest)
	}
	var r vigil.ServiceRequest
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return bad("request is not {\"service\": NAME}: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bad("request has something after its end")
	}
	if t, err := vigil.ParseTarget("service:" + r.Service); err != nil || t.Host != "" {
		return bad("%.200q is no service name", r.Service)
	}
	return r, nil
}

// encodeReply makes the guest's answer. An error without a code of its own says
// nothing of the host's inside.
func encodeReply(data json.RawMessage, err error) []byte {
	r := vigil.CallReply{OK: err == nil, Data: data}
	if err != nil {
		e := vigil.AsError(err)
		r.Code, r.Message = e.Code, e.Msg
	}
	b, _ := json.Marshal(r) // strings and checked JSON, cannot fail
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

// bounded keeps a guest's word short and printable enough for a transcript.
func bounded(op string) string {
	const longest = 64
	if len(op) > longest {
		op = op[:longest]
	}
	return string(bytes.ToValidUTF8([]byte(op), []byte("?")))
}
