package httpd

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// prometheusRoot is where all that belongs to Prometheus' readers begins, what
// Grafana calls the URL of a Prometheus data source; prometheusPath is its API.
const (
	prometheusRoot = "/prometheus/"
	prometheusPath = prometheusRoot + "api/v1/"
)

// prometheusEndpoints are the endpoints by the word that Prometheus.Answer
// knows, with their path and what they say. Readers may GET or POST each: a
// long query does not fit a URL.
func prometheusEndpoints() []Route {
	return []Route{
		{ID: "query", Path: "query", Says: "Evaluate PromQL at one time"},
		{ID: "query_range", Path: "query_range", Says: "Evaluate PromQL over a range of time"},
		{ID: "labels", Path: "labels", Says: "List label names"},
		{ID: "label_values", Path: "label/{label}/values", Says: "List the values of a label"},
		{ID: "series", Path: "series", Says: "Find series"},
		{ID: "metadata", Path: "metadata", Says: "Metadata of metrics (none is kept)"},
		{ID: "rules", Path: "rules", Says: "Alerting and recording rules (there are none: see policies)"},
		{ID: "alerts", Path: "alerts", Says: "Active alerts (there are none: see episodes)"},
		{ID: "query_exemplars", Path: "query_exemplars", Says: "Exemplars (none are kept)"},
		{ID: "buildinfo", Path: "status/buildinfo", Says: "What answers this API"},
	}
}

// prometheusRoutes are the rows of the route table for the endpoints.
func prometheusRoutes() (rows []Route) {
	for _, e := range prometheusEndpoints() {
		rows = append(rows,
			Route{ID: "prometheus." + e.ID, Method: http.MethodGet, Path: prometheusPath + e.Path, Says: e.Says},
			Route{ID: "prometheus." + e.ID + ".post", Method: http.MethodPost, Path: prometheusPath + e.Path, Says: e.Says, body: smallBody})
	}
	return rows
}

// Prometheus answers the Prometheus HTTP API in its own form, errors too.
type Prometheus interface {
	Answer(ctx context.Context, endpoint, label string, values url.Values) (status int, body []byte)
}

func (s *site) prometheus() {
	for _, e := range prometheusEndpoints() {
		h := func(ctx context.Context, c fiber.Ctx, r *request) error { return askPrometheus(ctx, c, r, e.ID) }
		s.documented("prometheus."+e.ID, h)
		s.documented("prometheus."+e.ID+".post", h)
	}
}

func askPrometheus(ctx context.Context, c fiber.Ctx, r *request, endpoint string) error {
	if r.tenant.Prometheus == nil {
		return errNotServed()
	}
	fctx := c.RequestCtx()
	values, err := url.ParseQuery(string(fctx.URI().QueryString()))
	if media, _, _ := mime.ParseMediaType(r.media); err == nil && media == "application/x-www-form-urlencoded" {
		var form url.Values
		form, err = url.ParseQuery(string(r.body))
		for k, v := range form {
			values[k] = append(v, values[k]...) // the form comes first, as net/http has it
		}
	}
	status, body := http.StatusBadRequest, []byte(`{"status":"error","errorType":"bad_data","error":"the parameters cannot be read"}`)
	if err == nil {
		status, body = r.tenant.Prometheus.Answer(ctx, endpoint, param(c, "label"), values)
	}
	fctx.SetStatusCode(status)
	fctx.SetContentType("application/json")
	fctx.SetBody(body)
	return nil
}

// prometheusProblem writes a problem as Prometheus' readers know errors; code,
// hint and request_id are members that they pass over. A handler that took too
// long is their 503.
func prometheusProblem(fctx *fasthttp.RequestCtx, p *problem) {
	kind := "bad_data"
	switch {
	case p.Status == http.StatusNotFound:
		kind = "not_found"
	case p.Status == http.StatusGatewayTimeout:
		kind, p.Status = "timeout", http.StatusServiceUnavailable
	case p.Status == http.StatusTooManyRequests, p.Status == http.StatusServiceUnavailable:
		kind = "unavailable"
	case p.Status >= http.StatusInternalServerError:
		kind = "internal"
	}
	p.write(fctx)
	body, _ := json.Marshal(map[string]string{ // strings, cannot fail
		"status": "error", "errorType": kind, "error": p.Detail, "code": p.Code, "hint": p.Hint, "request_id": p.RequestID,
	})
	fctx.SetContentType("application/json")
	fctx.SetBody(body)
}
