package httpd

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// influxVersion is whose clients Vigil answers to.
const influxVersion = "1.8.10"

// influx binds InfluxDB's line protocol, as senders to its versions 1 and 2
// speak it. Databases, buckets and organisations are taken and have no meaning:
// there is one history.
func (s *site) influx() {
	for _, id := range []string{"write.influx", "write.influx2"} {
		s.document(id, rawBody("text/plain"))
		s.spoken(id, s.influxWrite, influxProblem)
	}
	s.document("influx.ping")
	s.raw("influx.ping", func(_ context.Context, c fiber.Ctx, _ *request) error {
		c.RequestCtx().Response.Header.Set("X-Influxdb-Version", influxVersion)
		c.RequestCtx().Response.Header.Set("X-Influxdb-Build", "Vigil")
		c.RequestCtx().SetStatusCode(http.StatusNoContent)
		return nil
	})
	s.document("influx.query")
	s.spoken("influx.query", s.influxQuery, influxProblem)
}

func (s *site) influxWrite(ctx context.Context, c fiber.Ctx, r *request) error {
	if r.tenant.Ingest == nil {
		return errNotServed()
	}
	unit, err := precision(string(c.Request().URI().QueryArgs().Peek("precision")))
	if err != nil {
		return err
	}
	got, err := r.tenant.Ingest.Influx(ctx, ingestRequest(c, r), unit)
	if err != nil {
		return err
	}
	if got.Skipped > 0 {
		h := &c.RequestCtx().Response.Header
		h.Set("Vigil-Skipped", strconv.Itoa(got.Skipped))
		h.Set("Vigil-Skipped-Fields", strings.Join(got.Fields, ", "))
	}
	if got.Refused > 0 {
		return partial(got, "lines")
	}
	c.RequestCtx().SetStatusCode(http.StatusNoContent)
	return nil
}

// precision is the unit of a request's times.
func precision(name string) (time.Duration, error) {
	switch name {
	case "", "n", "ns":
		return time.Nanosecond, nil
	case "u", "us", "µ", "µs":
		return time.Microsecond, nil
	case "ms":
		return time.Millisecond, nil
	case "s":
		return time.Second, nil
	case "m":
		return time.Minute, nil
	case "h":
		return time.Hour, nil
	}
	return 0, vigil.Errorf(vigil.Invalid, "parameter_invalid", "precision must be ns, us, ms, s, m or h").With("field", "query.precision")
}

// influxQuery answers the one statement that senders need: the database that
// Telegraf creates before it writes is there already.
func (s *site) influxQuery(_ context.Context, c fiber.Ctx, r *request) error {
	statement := string(c.Request().URI().QueryArgs().Peek("q"))
	if statement == "" {
		if form, err := url.ParseQuery(string(r.body)); err == nil {
			statement = form.Get("q")
		}
	}
	words := strings.Fields(strings.ToUpper(statement))
	if len(words) < 3 || words[0] != "CREATE" || words[1] != "DATABASE" || strings.Contains(statement, ";") {
		return vigil.Errorf(vigil.Invalid, "influxql_unsupported", "InfluxQL is not read here, but CREATE DATABASE").
			Hinted("GET /query?name=cpu_usage_idle shows the newest samples")
	}
	return answer(c, http.StatusOK, map[string]any{"results": []any{map[string]any{"statement_id": 0}}})
}

// influxProblem adds to a problem what clients of both versions look for: error
// and message. Telegraf drops lines only if it reads of a partial write there,
// and sends all others again and again.
func influxProblem(fctx *fasthttp.RequestCtx, _ *request, p *problem) {
	if p.Status == http.StatusUnprocessableEntity {
		p.Status, p.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	}
	text := p.Detail
	if _, items := p.fields["rejected"]; items && p.Status == http.StatusBadRequest {
		text = "partial write: " + text
	}
	fields := map[string]any{"error": text, "message": text}
	maps.Copy(fields, p.fields)
	p.fields = fields
	p.write(fctx)
	fctx.SetContentType("application/json")
	fctx.Response.Header.Set("X-Influxdb-Error", text)
}
