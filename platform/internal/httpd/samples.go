package httpd

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

const (
	queryDefault = 100    // samples that GET /query answers when not told
	queryMost    = 10_000 // and at most
)

// samples binds the path that samples take in and out.
func (s *site) samples() {
	s.documented("ingest", s.ingest, takes[sample](s))
	s.documented("query", s.query)
}

// sample is one sample of POST /ingest, for the document; ingest decodes it.
type sample struct {
	Name   string            `json:"name"`
	Value  float64           `json:"value"`
	TS     any               `json:"ts,omitempty" doc:"RFC 3339, or unix seconds or milliseconds; now if left out"`
	Labels map[string]string `json:"labels,omitempty"`
	Tags   map[string]string `json:"tags,omitempty" doc:"the same as labels"`
}

type received struct {
	OK       bool             `json:"ok"`
	Accepted int              `json:"accepted"`
	Refused  int              `json:"refused,omitempty" doc:"how many samples were refused, where rejected names only the first of them"`
	Rejected []flow.Rejection `json:"rejected,omitempty"`
}

func (s *site) ingest(ctx context.Context, c fiber.Ctx, r *request) error {
	if r.tenant.Ingest == nil {
		return errNotServed()
	}
	got, err := r.tenant.Ingest.JSON(ctx, ingestRequest(c, r))
	if err != nil {
		return err
	}
	if got.Accepted == 0 && len(got.Rejected) > 0 {
		return vigil.Errorf(vigil.Invalid, "samples_rejected", "none of the %d samples was admissible", len(got.Rejected)).
			Hinted("each rejected item names its field and code").With("accepted", 0).With("rejected", got.Rejected)
	}
	out := received{OK: true, Accepted: got.Accepted, Rejected: got.Rejected}
	if got.Refused > len(got.Rejected) {
		out.Refused = got.Refused
	}
	return answer(c, http.StatusOK, out)
}

// ingestRequest is a request as ingest takes it.
func ingestRequest(c fiber.Ctx, r *request) flow.IngestRequest {
	return flow.IngestRequest{
		By: r.by, Body: r.body, ContentType: r.media, Trace: r.trace, SentAt: sentAt(c), Started: r.started,
	}
}

// partial says what was left out of a request of which the rest is stored.
func partial(got flow.Receipt, items string) *vigil.Error {
	first := got.Rejected[0]
	return vigil.Errorf(vigil.Invalid, "samples_rejected", "%d of %d %s were refused, the rest is stored; the first refused has index %d, for its %s: %s",
		got.Refused, got.Accepted+got.Refused, items, first.Index, first.Field, first.Code).
		Hinted("each rejected item names its index, field and code; sending them again does not help").
		With("accepted", got.Accepted).With("refused", got.Refused).With("rejected", got.Rejected)
}

// sentAt is when the sender's clock says it sent, in unix nanoseconds. What is
// no time is as good as absent.
func sentAt(c fiber.Ctx) time.Time {
	ns, err := strconv.ParseInt(string(c.Request().Header.Peek("Vigil-Sent-At")), 10, 64)
	if err != nil || ns <= 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// stored is a sample as GET /query shows it: a value that JSON has no number
// for is null.
type stored struct {
	Name   string       `json:"name"`
	Value  *float64     `json:"value"`
	TS     time.Time    `json:"ts"`
	Labels vigil.Labels `json:"labels"`
}

func (s *site) query(ctx context.Context, c fiber.Ctx, r *request) error {
	if c.Request().URI().QueryArgs().Has("q") { // InfluxDB's question of that path
		err := s.influxQuery(ctx, c, r)
		if err != nil {
			influxProblem(c.RequestCtx(), r, s.problem(r, err))
		}
		return nil
	}
	if r.tenant.History == nil {
		return errNotServed()
	}
	limit, err := limitOf(c, queryDefault, queryMost)
	if err != nil {
		return err
	}
	name, n := string(c.Request().URI().QueryArgs().Peek("name")), limit
	if name != "" {
		n = queryMost // the newest of all are searched for the newest of one
	}
	all, err := r.tenant.History.Latest(ctx, n)
	if err != nil {
		return err
	}
	shown := make([]stored, 0, min(limit, len(all)))
	for _, v := range all {
		if len(shown) < limit && (name == "" || v.Name == name) {
			shown = append(shown, shownAs(v))
		}
	}
	return answer(c, http.StatusOK, map[string]any{"metrics": shown})
}

func shownAs(v vigil.Sample) stored {
	out := stored{Name: v.Name, TS: v.Time, Labels: v.Labels}
	if !math.IsNaN(v.Value) && !math.IsInf(v.Value, 0) {
		out.Value = &v.Value
	}
	if out.Labels == nil {
		out.Labels = vigil.Labels{}
	}
	return out
}

// limitOf reads ?limit=.
func limitOf(c fiber.Ctx, def, most int) (int, error) {
	raw := string(c.Request().URI().QueryArgs().Peek("limit"))
	if raw == "" {
		return def, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > most {
		return 0, vigil.Errorf(vigil.Invalid, "parameter_invalid", "limit must be a number from 1 to %d", most).With("field", "query.limit")
	}
	return n, nil
}

func errNotServed() *vigil.Error {
	return vigil.Errorf(vigil.NotFound, "not_available", "this process does not serve that")
}
