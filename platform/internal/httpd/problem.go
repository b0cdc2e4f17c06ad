package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

const problemType = "application/problem+json"

// problem is an answer that says what went wrong, as RFC 9457 shapes it.
type problem struct {
	Type      string         `json:"type" doc:"urn:vigil:error: and the code"`
	Title     string         `json:"title" doc:"the status in words"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail" doc:"what went wrong this time"`
	Code      string         `json:"code" doc:"stable, for programs"`
	RequestID string         `json:"request_id" doc:"finds the request in the log"`
	Hint      string         `json:"hint,omitempty" doc:"the next thing to do; may be a command"`
	fields    map[string]any // further members, such as index and field
}

// codeStatus holds the codes whose status differs from that of their kind.
var codeStatus = map[string]int{
	"body_empty":           http.StatusBadRequest,
	"body_malformed":       http.StatusBadRequest,
	"unknown_field":        http.StatusBadRequest,
	"request_malformed":    http.StatusBadRequest,
	"sample_name_missing":  http.StatusBadRequest,
	"sample_value_missing": http.StatusBadRequest,
	"sample_value_type":    http.StatusBadRequest,
	"method_not_allowed":   http.StatusMethodNotAllowed,
	"method_unknown":       http.StatusNotImplemented,
	"request_timeout":      http.StatusRequestTimeout,
	"header_too_large":     http.StatusRequestHeaderFieldsTooLarge,
	"host_not_allowed":     http.StatusMisdirectedRequest,
	"cross_origin":         http.StatusForbidden,
	"forbidden":            http.StatusForbidden,
	"capability_denied":    http.StatusForbidden,
	"identity_mismatch":    http.StatusForbidden,
	"storage_failed":       http.StatusServiceUnavailable,
	"storage_full":         http.StatusServiceUnavailable,
}

// kindStatus is the status of each kind of error.
var kindStatus = map[vigil.Kind]int{
	vigil.Internal:     http.StatusInternalServerError,
	vigil.Invalid:      http.StatusUnprocessableEntity,
	vigil.NotFound:     http.StatusNotFound,
	vigil.Unauthorised: http.StatusUnauthorized,
	vigil.Conflict:     http.StatusConflict,
	vigil.Held:         http.StatusConflict,
	vigil.TooLarge:     http.StatusRequestEntityTooLarge,
	vigil.Busy:         http.StatusTooManyRequests,
	vigil.Timeout:      http.StatusGatewayTimeout,
	vigil.Unsupported:  http.StatusUnsupportedMediaType,
	vigil.Unavailable:  http.StatusServiceUnavailable,
}

func statusOf(e *vigil.Error) int {
	if status, ok := codeStatus[e.Code]; ok {
		return status
	}
	if e.Kind == vigil.Invalid && strings.HasPrefix(e.Code, "json_") {
		return http.StatusBadRequest
	}
	if status, ok := kindStatus[e.Kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// asError gives every error that can reach the edge a kind and a code.
func asError(err error) *vigil.Error {
	var e *vigil.Error
	var f *fiber.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &f) && f.Code == http.StatusMethodNotAllowed:
		return vigil.Errorf(vigil.Invalid, "method_not_allowed", "this resource does not take this method").Hinted("the Allow header names those it takes")
	case errors.As(err, &f) && f.Code == http.StatusNotFound:
		return errNoRoute()
	case errors.Is(err, context.DeadlineExceeded):
		return vigil.Errorf(vigil.Timeout, "timeout", "not done in time").Hinted("try again; if it persists, see /readyz")
	case errors.Is(err, context.Canceled):
		return vigil.Errorf(vigil.Unavailable, "stopping", "the server is stopping").Hinted("try again in a moment").With("retry_after", 1)
	}
	return vigil.AsError(err)
}

func errNoRoute() *vigil.Error {
	return vigil.Errorf(vigil.NotFound, "not_found", "no such resource").Hinted("GET /openapi.json lists them")
}

// problemOf turns an error into its answer. What an internal error is about
// stays in the log.
func problemOf(err error, requestID string) *problem {
	e := asError(err)
	status := statusOf(e)
	p := &problem{
		Type: "urn:vigil:error:" + e.Code, Title: http.StatusText(status), Status: status,
		Detail: e.Msg, Code: e.Code, RequestID: requestID, Hint: e.Hint, fields: e.Fields,
	}
	if e.Kind == vigil.Internal && status == http.StatusInternalServerError {
		p.Detail = "internal error"
		p.Hint = or(p.Hint, "the log has the details under this request_id")
		p.fields = nil
	}
	return p
}

// MarshalJSON writes the further members beside the standard ones, which they
// cannot replace.
func (p *problem) MarshalJSON() ([]byte, error) {
	members := map[string]any{}
	maps.Copy(members, p.fields)
	members["type"], members["title"], members["status"] = p.Type, p.Title, p.Status
	members["detail"], members["code"], members["request_id"] = p.Detail, p.Code, p.RequestID
	if p.Hint != "" {
		members["hint"] = p.Hint
	}
	return json.Marshal(members)
}

// Error, GetStatus, GetHeaders and ContentType make a problem an error that
// huma writes as it is.
func (p *problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *problem) ContentType(string) string { return problemType }

// GetHeaders are Retry-After for what may work later, WWW-Authenticate for
// what lacks a credential.
func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(p.retryAfter()))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// retryAfter is the seconds that the member retry_after asks for, at least 1.
func (p *problem) retryAfter() int {
	switch v := p.fields["retry_after"].(type) {
	case int:
		return max(v, 1)
	case float64:
		return max(int(v), 1)
	}
	return 1
}

// write puts the problem into an answer. What a handler wrote before is gone;
// the connection stays open unless the framing of the request was at fault.
func (p *problem) write(fctx *fasthttp.RequestCtx) {
	body, err := json.Marshal(p)
	if err != nil { // a member that is no JSON; the standard ones always are
		p.fields = nil
		body, _ = json.Marshal(p)
	}
	fctx.Response.ResetBody()
	fctx.SetStatusCode(p.Status)
	fctx.SetContentType(problemType)
	for k, v := range p.GetHeaders() {
		fctx.Response.Header.Set(k, v[0])
	}
	fctx.SetBody(body)
}
