package httpd

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// adapter lets huma register its operations in the route table, so that they
// pass the same guard as raw handlers.
type adapter struct{ site *site }

// Handle implements huma.Adapter. An operation's id is its route's.
func (a adapter) Handle(op *huma.Operation, h func(huma.Context)) {
	a.site.raw(op.OperationID, func(ctx context.Context, c fiber.Ctx, r *request) error {
		h(&call{op: op, ctx: context.WithValue(ctx, requestKey{}, r), c: c, r: r})
		return nil
	})
}

// ServeHTTP implements huma.Adapter. It is for the library's own test tools,
// which would go around the edge.
func (adapter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotImplemented)
}

// call is one request as huma sees it. Its strings are copies.
type call struct {
	op     *huma.Operation
	ctx    context.Context //nolint:containedctx // huma.Context asks for it, and lives as long as its request
	c      fiber.Ctx
	r      *request
	status int
}

func (x *call) Operation() *huma.Operation { return x.op }
func (x *call) Context() context.Context   { return x.ctx }
func (x *call) Method() string             { return strings.Clone(x.c.Method()) }
func (x *call) Host() string               { return string(x.c.Request().Header.Host()) }
func (x *call) RemoteAddr() string         { return x.r.remote.String() }
func (x *call) TLS() *tls.ConnectionState  { return x.c.RequestCtx().TLSConnectionState() }
func (x *call) Query(name string) string   { return strings.Clone(x.c.Query(name)) }
func (x *call) Header(name string) string  { return string(x.c.Request().Header.Peek(name)) }
func (x *call) Param(name string) string   { return param(x.c, name) }
func (x *call) BodyReader() io.Reader      { return bytes.NewReader(x.r.body) }
func (x *call) BodyWriter() io.Writer      { return x.c.RequestCtx() }
func (x *call) Status() int                { return x.status }

func (x *call) Version() huma.ProtoVersion {
	return huma.ProtoVersion{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

func (x *call) URL() url.URL {
	u, err := url.ParseRequestURI(string(x.c.Request().RequestURI()))
	if err != nil {
		return url.URL{}
	}
	return *u
}

func (x *call) EachHeader(cb func(name, value string)) {
	for k, v := range x.c.Request().Header.All() {
		cb(string(k), string(v))
	}
}

func (x *call) GetMultipartForm() (*multipart.Form, error) {
	return nil, vigil.Errorf(vigil.Unsupported, "content_type_unsupported", "forms are not taken")
}

// SetReadDeadline does nothing: the body is in before huma is called.
func (x *call) SetReadDeadline(time.Time) error { return nil }

func (x *call) SetStatus(code int) {
	x.status = code
	x.c.Status(code)
}

func (x *call) SetHeader(name, value string)    { x.c.Response().Header.Set(name, value) }
func (x *call) AppendHeader(name, value string) { x.c.Response().Header.Add(name, value) }

// param is a path parameter, unescaped and copied. The edge has refused paths
// that cannot be unescaped.
func param(c fiber.Ctx, name string) string {
	v, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return ""
	}
	return strings.Clone(v)
}
