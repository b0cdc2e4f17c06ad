package httpd

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// otlp binds OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp), whose answers
// come in the encoding of the request.
func (s *site) otlp() {
	s.document("write.otlp", func(op *huma.Operation) {
		content := map[string]*huma.MediaType{}
		op.RequestBody = &huma.RequestBody{Required: true, Content: content}
		content["application/x-protobuf"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		content["application/json"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject}}
	})
	s.spoken("write.otlp", func(ctx context.Context, c fiber.Ctx, r *request) error {
		if r.tenant.Ingest == nil {
			return errNotServed()
		}
		got, err := r.tenant.Ingest.OTLP(ctx, ingestRequest(c, r))
		if err != nil {
			return err
		}
		otlpAnswer(c.RequestCtx(), r, http.StatusOK, exported(got, otlpJSON(r)))
		return nil
	}, otlpProblem)
}

func otlpJSON(r *request) bool { return jsonMedia(r.media) && r.media != "" }

func otlpAnswer(fctx *fasthttp.RequestCtx, r *request, status int, body []byte) {
	fctx.SetStatusCode(status)
	fctx.SetContentType("application/x-protobuf")
	if otlpJSON(r) {
		fctx.SetContentType("application/json")
	}
	fctx.SetBody(body)
}

// exported is the ExportMetricsServiceResponse: empty when all was accepted, else
// how many points were refused, and why.
func exported(got flow.Receipt, asJSON bool) []byte {
	if got.Refused == 0 {
		if asJSON {
			return []byte("{}")
		}
		return nil
	}
	why := partial(got, "data points").Msg
	if asJSON {
		return fmt.Appendf(nil, `{"partialSuccess":{"rejectedDataPoints":"%d","errorMessage":%s}}`, got.Refused, quoted(why))
	}
	part := binary.AppendUvarint([]byte{1 << 3}, uint64(got.Refused))
	part = appendBytes(part, 2, why)
	return appendBytes(nil, 1, string(part))
}

// otlpProblem writes a problem as google.rpc.Status. Its senders send again what
// is answered with 429, 502, 503 or 504, after Retry-After, and drop the rest.
func otlpProblem(fctx *fasthttp.RequestCtx, r *request, p *problem) {
	if p.Status == http.StatusUnprocessableEntity {
		p.Status = http.StatusBadRequest
	}
	message := strings.TrimSuffix(p.Code+": "+p.Detail+". "+p.Hint, " ")
	code := rpcCode(p.Status)
	fctx.Response.ResetBody()
	for k, v := range p.GetHeaders() {
		fctx.Response.Header.Set(k, v[0])
	}
	if otlpJSON(r) {
		otlpAnswer(fctx, r, p.Status, fmt.Appendf(nil, `{"code":%d,"message":%s}`, code, quoted(message)))
		return
	}
	otlpAnswer(fctx, r, p.Status, appendBytes([]byte{1 << 3, code}, 2, message))
}

func quoted(text string) []byte {
	out, _ := json.Marshal(text) // a string always is JSON
	return out
}

// rpcCode is the google.rpc.Code of a status.
func rpcCode(status int) byte {
	switch status {
	case http.StatusUnauthorized:
		return 16
	case http.StatusForbidden:
		return 7
	case http.StatusNotFound:
		return 5
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge:
		return 8
	case http.StatusServiceUnavailable:
		return 14
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return 4
	case http.StatusInternalServerError:
		return 13
	}
	return 3 // invalid argument
}

// appendBytes appends a protobuf field of bytes.
func appendBytes(dst []byte, num byte, b string) []byte {
	dst = binary.AppendUvarint(append(dst, num<<3|2), uint64(len(b)))
	return append(dst, b...)
}
