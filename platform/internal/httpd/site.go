package httpd

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// site is a server's routes on one listener.
type site struct {
	*Server
	app  *fiber.App
	api  huma.API
	base func(poll bool) context.Context // what a handler's context descends from

	shelf shelf
}

// request is what the edge knows of a request, in plain values.
type request struct {
	id      string
	route   Route
	started time.Time
	remote  netip.Addr
	conn    *peer
	by      flow.Principal
	tenant  Tenant
	trace   flow.SpanContext // from the sender's traceparent; zero if none
	span    flow.SpanContext // of this request; the parent of what it causes
	body    []byte           // within its limit and inflated; valid until the handler returns
	bufs    *buffers         // that the body lies in, if they are lent
	media   string           // the body's Content-Type as sent
}

type requestKey struct{}

// handler answers one request; what it returns is answered as a problem.
type handler func(ctx context.Context, c fiber.Ctx, r *request) error

func newSite(s *Server, base func(poll bool) context.Context) (*site, error) {
	l := s.opt.Limits
	st := &site{Server: s, base: base}
	st.app = fiber.New(fiber.Config{
		Immutable:                    true, // strings live longer than the handler
		CaseSensitive:                true,
		StrictRouting:                true,
		StreamRequestBody:            true, // limits and principals come before bodies
		DisablePreParseMultipartForm: true,
		DisableDefaultContentType:    true,
		ReadBufferSize:               8 << 10, // also the most a header may take
		ReadTimeout:                  l.Read,
		WriteTimeout:                 l.Write,
		IdleTimeout:                  l.Idle,
		Concurrency:                  l.Conns + 1, // the gate counts; this never bites first
		ErrorHandler: func(c fiber.Ctx, err error) error {
			st.fail(c.RequestCtx(), err)
			return nil
		},
	})
	st.api = newAPI(st)
	documentSelection(st.api)
	s.plan(st)
	if err := st.openapi(); err != nil {
		return nil, err
	}
	srv := st.app.Server()
	srv.Handler = st.edge(st.app.Handler())
	srv.ErrorHandler = st.malformed
	srv.CloseOnShutdown = true
	srv.SecureErrorLogMessage = true
	srv.MaxIdleWorkerDuration = time.Second // its sweeper outlives the server by this much
	srv.HeaderReceived = st.timeToArrive
	return st, nil
}

// timeToArrive gives uploads longer than other requests.
func (s *site) timeToArrive(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if string(h.Method()) == fiber.MethodPost && string(h.RequestURI()) == modulesPath {
		return fasthttp.RequestConfig{ReadTimeout: 6 * s.opt.Limits.Read}
	}
	return fasthttp.RequestConfig{}
}

// raw binds a handler to a row of the route table.
func (s *site) raw(id string, h handler) {
	rt := routeByID(id)
	s.app.Add([]string{rt.Method}, pattern(rt.Path), func(c fiber.Ctx) error { return s.run(c, rt, h) })
}

// spoken binds a handler whose protocol has a shape of errors of its own.
func (s *site) spoken(id string, h handler, say dialect) {
	rt := routeByID(id)
	s.app.Add([]string{rt.Method}, pattern(rt.Path), func(c fiber.Ctx) error {
		if err := s.run(c, rt, h); err != nil {
			r := requestOf(c.RequestCtx())
			say(c.RequestCtx(), r, s.problem(r, err))
		}
		return nil
	})
}

// dialect writes a problem the way a protocol's clients read it.
type dialect func(fctx *fasthttp.RequestCtx, r *request, p *problem)

// run is the guard of every route: principal, deadline, body, then the handler.
func (s *site) run(c fiber.Ctx, rt Route, h handler) error {
	fctx := c.RequestCtx()
	r := requestOf(fctx)
	r.route = rt
	ctx, cancel := s.deadline(rt)
	defer cancel()
	if !rt.open {
		if err := s.admit(ctx, fctx, r); err != nil {
			return err
		}
	}
	var l loan
	defer l.giveBack()
	defer func() { s.shelf.give(r.bufs) }()
	if err := s.takeBody(fctx, r, &l); err != nil {
		return err
	}
	if rt.poll {
		attended, release := r.conn.attend(ctx)
		defer release()
		ctx = attended
	}
	return h(ctx, c, r)
}

// deadline is a handler's context: a long poll ends with the server's stop and
// by its own wait, any other request by the time a handler may take.
func (s *site) deadline(rt Route) (context.Context, context.CancelFunc) {
	if rt.poll {
		return context.WithCancel(s.base(true))
	}
	return context.WithTimeout(s.base(false), s.opt.Limits.Handle)
}

// admit finds out who asks and whether they may.
func (s *site) admit(ctx context.Context, fctx *fasthttp.RequestCtx, r *request) (err error) {
	cred := Credential{Remote: r.remote}
	if h := string(fctx.Request.Header.Peek("Authorization")); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		// Token is how clients of InfluxDB 2 say Bearer.
		if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Token") || token == "" {
			return vigil.Errorf(vigil.Unauthorised, "credential_unsupported", "only bearer tokens are taken").Hinted("Authorization: Bearer TOKEN")
		}
		cred.Token = token
	}
	if r.by, err = s.opt.Auth.Principal(ctx, cred); err != nil {
		return err
	}
	if err = s.opt.Auth.Allow(ctx, r.by, r.route.ID); err != nil {
		return err
	}
	if s.opt.Tenants != nil {
		var ok bool
		if r.tenant, ok = s.opt.Tenants(r.by.Tenant); !ok {
			return errNoRoute()
		}
	}
	r.trace, _ = flow.ParseTraceparent(string(fctx.Request.Header.Peek("Traceparent")))
	return nil
}

// takeBody reads and inflates the body within the limits of the route.
func (s *site) takeBody(fctx *fasthttp.RequestCtx, r *request, l *loan) (err error) {
	wire, inflated := s.opt.Limits.Body, s.opt.Limits.Body
	switch r.route.body {
	case noBody:
		return nil
	case ingestBody:
		wire, inflated, l.from = s.opt.Limits.IngestBody, s.opt.Limits.IngestPlain, &s.held
	case moduleBody:
		wire, inflated, l.from = s.opt.Limits.ModuleBody, s.opt.Limits.ModuleBody, &s.held
	case smallBody:
	}
	r.media = string(fctx.Request.Header.ContentType())
	bufs := &buffers{}
	if r.route.body == ingestBody {
		bufs = s.shelf.take()
		r.bufs = bufs
	}
	if r.body, err = readBody(fctx, wire, l, &bufs.wire); err != nil {
		return err
	}
	r.body, err = plain(fctx, r.body, inflated, l, r.route, &bufs.plain)
	return err
}

func requestOf(fctx *fasthttp.RequestCtx) *request {
	r, _ := fctx.UserValue(requestKey{}).(*request)
	return r
}

// answer writes v as JSON.
func answer(c fiber.Ctx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return &vigil.Error{Kind: vigil.Internal, Code: "internal", Msg: "encode answer", Err: err}
	}
	fctx := c.RequestCtx()
	fctx.SetStatusCode(status)
	fctx.SetContentType("application/json")
	fctx.SetBody(body)
	return nil
}
