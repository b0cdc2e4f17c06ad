package promql

import (
	"context"
	"fmt"
	"net/http"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// maxPoints bounds the steps of a range query, as in Prometheus.
const maxPoints = 11_000

func (a *API) query(ctx context.Context, p params) (reply, error) {
	at, err := p.instant("time", p.now)
	if err != nil {
		return reply{}, err
	}
	return a.evaluate(ctx, p, 0, func(q Queryable, o prom.QueryOpts, text string) (prom.Query, error) {
		return a.engine.NewInstantQuery(ctx, q, o, text, at)
	})
}

func (a *API) queryRange(ctx context.Context, p params) (reply, error) {
	start, err := p.instant("start", time.Time{})
	if err != nil {
		return reply{}, err
	}
	end, err := p.instant("end", time.Time{})
	if err != nil {
		return reply{}, err
	}
	step, err := p.duration("step", 0)
	switch {
	case err != nil:
		return reply{}, err
	case start.IsZero() || end.IsZero():
		return reply{}, badData("start and end are required")
	case end.Before(start):
		return reply{}, badData("end must not be before start")
	case step <= 0:
		return reply{}, badData("step is required and must be positive")
	case end.Sub(start)/step > maxPoints:
		return reply{}, fault{http.StatusBadRequest, "bad_data", codeExpensive, fmt.Sprintf("exceeded maximum resolution of %d points per timeseries. Try decreasing the query resolution (?step=XX)", maxPoints)} // as Prometheus says it
	}
	return a.evaluate(ctx, p, end.Sub(start), func(q Queryable, o prom.QueryOpts, text string) (prom.Query, error) {
		return a.engine.NewRangeQuery(ctx, q, o, text, start, end, step)
	})
}

// evaluate runs the query of a request when it is its turn.
func (a *API) evaluate(ctx context.Context, p params, span time.Duration, prepare func(Queryable, prom.QueryOpts, string) (prom.Query, error)) (reply, error) {
	text := p.Get("query")
	if err := a.checkQuery(text, span); err != nil {
		return reply{}, err
	}
	limit, err := p.limit()
	if err != nil {
		return reply{}, err
	}
	back, err := p.duration("lookback_delta", 0) // 0: the engine's own
	if err != nil {
		return reply{}, err
	}
	timeout, err := p.duration("timeout", a.o.Limits.Timeout)
	if err != nil {
		return reply{}, err
	}
	ctx, done, err := a.turn(ctx, timeout)
	if err != nil {
		return reply{}, err
	}
	defer done()
	query, err := prepare(Queryable{History: a.o.History, Samples: a.o.Limits.Samples}, prom.NewPrometheusQueryOpts(false, back, nil), text)
	if err != nil {
		return reply{}, badData("invalid parameter %q: %v", "query", err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return reply{}, result.Err
	}
	var said reply
	said.warnings, said.infos = result.Warnings.AsStrings(text, maxRemarks, maxRemarks)
	value, cut := firstOf(result.Value, limit)
	if cut {
		said.warnings = append(said.warnings, truncated)
	}
	said.data, err = appendValue(nil, value)
	return said, err
}

// turn waits until a request may read, and bounds how long all of that takes.
// The request ends with done.
func (a *API) turn(ctx context.Context, timeout time.Duration) (_ context.Context, done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, min(timeout, a.o.Limits.Timeout))
	select {
	case a.running <- struct{}{}:
		return ctx, func() { <-a.running; cancel() }, nil
	case <-ctx.Done():
		defer cancel()
		return nil, nil, ctx.Err()
	}
}

// maxRemarks bounds the warnings and the infos of an answer, as in Prometheus.
const maxRemarks = 10

// firstOf keeps so many series of a result, all if the limit is 0.
func firstOf(v parser.Value, limit int) (kept parser.Value, cut bool) {
	if limit <= 0 {
		return v, false
	}
	switch v := v.(type) {
	case prom.Vector:
		return v[:min(limit, len(v))], len(v) > limit
	case prom.Matrix:
		return v[:min(limit, len(v))], len(v) > limit
	}
	return v, false
}

// checkQuery refuses what is absurd before it costs anything. span is between
// the first and the last evaluation.
func (a *API) checkQuery(text string, span time.Duration) error {
	if len(text) > a.o.Limits.Bytes {
		return tooExpensive("invalid parameter %q: it is longer than %d bytes", "query", a.o.Limits.Bytes)
	}
	expr, err := a.parser.ParseExpr(text)
	if err != nil {
		return badData("invalid parameter %q: %v", "query", err)
	}
	return affordable(expr, span)
}
