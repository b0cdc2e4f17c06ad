package httpd

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// remoteWrite binds Prometheus' remote write. Its senders drop what is answered
// with a 4xx and send again what is answered with a 5xx.
func (s *site) remoteWrite() {
	s.document("write.prometheus", rawBody("application/x-protobuf"))
	s.spoken("write.prometheus", func(ctx context.Context, c fiber.Ctx, r *request) error {
		if r.tenant.Ingest == nil {
			return errNotServed()
		}
		got, err := r.tenant.Ingest.RemoteWrite(ctx, ingestRequest(c, r))
		if err == nil && got.Refused > 0 {
			err = partial(got, "samples")
		}
		if err == nil {
			c.RequestCtx().SetStatusCode(http.StatusNoContent)
		}
		return err
	}, writeProblem)
}

// writeProblem chooses the status by what the sender shall do: what may be
// accepted later is a 503, since senders drop a 429 unless told otherwise. Too
// many series is none of these: sending them again would not end.
func writeProblem(fctx *fasthttp.RequestCtx, _ *request, p *problem) {
	switch {
	case p.Status == http.StatusUnprocessableEntity:
		p.Status = http.StatusBadRequest
	case p.Status == http.StatusTooManyRequests && p.Code != "series_limit":
		p.Status = http.StatusServiceUnavailable
	}
	p.Title = http.StatusText(p.Status)
	p.write(fctx)
}

// rawBody documents a body that is not JSON, and an answer without one.
func rawBody(contentTypes ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, ct := range contentTypes {
			op.RequestBody.Content[ct] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		}
		delete(op.Responses, "200")
		op.Responses["204"] = &huma.Response{Description: "All of it is on disk"}
	}
}
