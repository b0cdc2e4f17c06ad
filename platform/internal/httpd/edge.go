package httpd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// edge is the outermost handler: nothing of the framework runs for a request
// that it refuses, and no panic below it ends the process.
func (s *site) edge(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(fctx *fasthttp.RequestCtx) {
		r := s.begin(fctx)
		defer s.settle(fctx, r)
		if err := s.inspect(fctx); err != nil {
			s.fail(fctx, err)
			return
		}
		next(fctx)
	}
}

func (s *site) begin(fctx *fasthttp.RequestCtx) *request {
	r := &request{id: vigil.NewID("req"), started: s.opt.Now(), remote: addrOf(fctx.RemoteAddr()), conn: peerOf(fctx.Conn())}
	fctx.SetUserValue(requestKey{}, r)
	return r
}

// settle turns a panic into an answer, adds the headers that every answer has
// and tells the log and the trace.
func (s *site) settle(fctx *fasthttp.RequestCtx, r *request) {
	if p := recover(); p != nil {
		s.opt.Log.Error("handler panicked", "path", r.route.Path, "request_id", r.id, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		problemOf(errors.New("panic"), r.id).write(fctx)
	}
	common(&fctx.Response.Header, r.id)
	ended := s.opt.Now()
	s.opt.Log.Debug("request", "path", r.route.Path, "status", fctx.Response.StatusCode(), "dur", ended.Sub(r.started), "addr", r.remote)
	if r.span.Valid() && s.opt.Spans != nil {
		s.opt.Spans.Emit(flow.Span{
			Name: r.route.Method + " " + r.route.Path, Service: s.role, Context: r.span, Parent: r.trace.Span,
			Start: r.started, End: ended,
			Attrs: []flow.Attr{{Key: "http.response.status_code", Value: int64(fctx.Response.StatusCode())}},
		})
	}
}

// common sets the headers of every answer.
func common(h *fasthttp.ResponseHeader, id string) {
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// fail answers an error, in the form that the readers of its path expect.
func (s *site) fail(fctx *fasthttp.RequestCtx, err error) {
	p := s.problem(requestOf(fctx), err)
	if bytes.HasPrefix(fctx.Path(), []byte(prometheusRoot)) {
		prometheusProblem(fctx, p)
		return
	}
	p.write(fctx)
}

// problem is an error as it is answered. What went wrong on our side goes to
// the log with its cause; that we stop or are not ready is no news there.
func (s *site) problem(r *request, err error) *problem {
	p := problemOf(err, r.id)
	if p.Status >= fasthttp.StatusInternalServerError && p.Code != "stopping" && p.Code != "not_ready" && p.Code != "method_unknown" {
		s.opt.Log.Error("request failed", "path", r.route.Path, "request_id", r.id, "err", err)
	}
	return p
}

// malformed answers what could not be read as a request. The parser's error
// holds bytes of the request, so neither the answer nor the log repeats it.
func (s *site) malformed(fctx *fasthttp.RequestCtx, err error) {
	e := errMalformed("the request is not well-formed HTTP/1.1")
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		e = vigil.Errorf(vigil.TooLarge, "header_too_large", "the request line and header are larger than 8 KiB")
	case errors.As(err, &timeout) && timeout.Timeout():
		e = vigil.Errorf(vigil.Timeout, "request_timeout", "the request did not arrive in time")
	}
	r := s.begin(fctx)
	fctx.Response.Reset()
	problemOf(e, r.id).write(fctx)
	common(&fctx.Response.Header, r.id)
	fctx.SetConnectionClose()
	s.opt.Log.Debug("request refused", "code", e.Code, "addr", r.remote)
}

func errMalformed(msg string) *vigil.Error {
	return vigil.Errorf(vigil.Invalid, "request_malformed", "%s", msg)
}

// inspect refuses what no handler should ever see.
func (s *site) inspect(fctx *fasthttp.RequestCtx) error {
	h := &fctx.Request.Header
	method := string(h.Method())
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		return vigil.Errorf(vigil.Invalid, "method_unknown", "the request's method is not known")
	}
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	if err := framing(h.RawHeaders(), h.ContentLength() == -1, path); err != nil {
		fctx.SetConnectionClose()
		return err
	}
	if err := s.checkHost(string(h.Host())); err != nil {
		return err
	}
	if !plainPath(path) {
		return errNoRoute()
	}
	if method != "GET" && method != "HEAD" && method != "OPTIONS" {
		return sameOrigin(h)
	}
	return nil
}

// framing refuses requests that two servers may read differently, which is how
// one request is smuggled inside another. The parser forgives some of these, so
// the raw header is asked.
func framing(raw []byte, chunked bool, path string) error {
	raw = bytes.ToLower(raw)
	has := func(name string) bool {
		return bytes.HasPrefix(raw, []byte(name+":")) || bytes.Contains(raw, []byte("\n"+name+":"))
	}
	switch {
	case has("content-length") && has("transfer-encoding"):
		return errMalformed("Content-Length and Transfer-Encoding exclude each other")
	case has("transfer-encoding") && !chunked:
		return errMalformed("the only Transfer-Encoding taken is chunked")
	case bytes.Count(raw, []byte("\n")) != bytes.Count(raw, []byte("\r\n")):
		return errMalformed("lines of the header must end in CR LF")
	case bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t")):
		return errMalformed("lines of the header must not be folded")
	case !strings.HasPrefix(path, "/"):
		return errMalformed("the request target must be a path")
	}
	return nil
}

// plainPath reports whether a path says what it means: no empty, dot or
// semicolon segments, nothing escaped that has a meaning of its own.
func plainPath(path string) bool {
	if strings.ContainsAny(path, ";\\\x00") || strings.Contains(path, "//") {
		return false
	}
	plain, err := url.PathUnescape(path)
	if err != nil || strings.Count(plain, "/") != strings.Count(path, "/") {
		return false
	}
	for seg := range strings.SplitSeq(plain, "/") {
		if seg == "." || seg == ".." || strings.ContainsFunc(seg, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' || c == ';' }) {
			return false
		}
	}
	return true
}

// checkHost holds against a DNS name that was rebound to this address.
func (s *site) checkHost(host string) error {
	if host == "" {
		return errMalformed("the request names no Host")
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if !slices.Contains(s.opt.Hosts, name) {
		return vigil.Errorf(vigil.Invalid, "host_not_allowed", "this server does not answer to that Host").
			Hinted("use one of its own names, or add the name to its host allow list")
	}
	return nil
}

// sameOrigin holds against a browser that was told to write here by another
// site's page. Programs send neither header and pass.
func sameOrigin(h *fasthttp.RequestHeader) error {
	refused := vigil.Errorf(vigil.Unauthorised, "cross_origin", "a browser sent this for another site").
		Hinted("send it from this server's own pages, or from a program")
	switch string(h.Peek("Sec-Fetch-Site")) {
	case "same-origin", "none":
		return nil
	case "":
	default:
		return refused
	}
	origin := string(h.Peek("Origin"))
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(u.Host, string(h.Host())) {
		return refused
	}
	return nil
}
