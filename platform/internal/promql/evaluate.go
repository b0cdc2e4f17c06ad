package promql

import (
	"context"
	"time"

	prom "github.com/prometheus/prometheus/promql"
)

// maxPoints bounds the steps of a range query, as in Prometheus.
const maxPoints = 11_000

func (a *API) query(ctx context.Context, p params) ([]byte, error) {
	at, err := p.instant("time", p.now)
	if err != nil {
		return nil, err
	}
	return a.evaluate(ctx, p, func(q Queryable, text string) (prom.Query, error) {
		return a.engine.NewInstantQuery(ctx, q, nil, text, at)
	})
}

func (a *API) queryRange(ctx context.Context, p params) ([]byte, error) {
	start, err := p.instant("start", time.Time{})
	if err != nil {
		return nil, err
	}
	end, err := p.instant("end", time.Time{})
	if err != nil {
		return nil, err
	}
	step, err := p.duration("step", 0)
	switch {
	case err != nil:
		return nil, err
	case start.IsZero() || end.IsZero():
		return nil, badData("start and end are required")
	case end.Before(start):
		return nil, badData("end must not be before start")
	case step <= 0:
		return nil, badData("step is required and must be positive")
	case end.Sub(start)/step > maxPoints:
		return nil, badData("exceeded maximum resolution of %d points per timeseries. Try decreasing the query resolution (?step=XX)", maxPoints)
	}
	return a.evaluate(ctx, p, func(q Queryable, text string) (prom.Query, error) {
		return a.engine.NewRangeQuery(ctx, q, nil, text, start, end, step)
	})
}

// evaluate runs the query of a request when it is its turn.
func (a *API) evaluate(ctx context.Context, p params, prepare func(Queryable, string) (prom.Query, error)) ([]byte, error) {
	text := p.Get("query")
	if err := a.checkQuery(text); err != nil {
		return nil, err
	}
	timeout, err := p.duration("timeout", a.o.Limits.Timeout)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, max(time.Millisecond, min(timeout, a.o.Limits.Timeout)))
	defer cancel()
	select {
	case a.running <- struct{}{}:
		defer func() { <-a.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	query, err := prepare(Queryable{History: a.o.History, Samples: a.o.Limits.Samples}, text)
	if err != nil {
		return nil, badData("invalid parameter %q: %v", "query", err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	return appendValue(nil, result.Value)
}

// checkQuery refuses what is absurd before it costs anything.
func (a *API) checkQuery(text string) error {
	if len(text) > a.o.Limits.Bytes {
		return badData("invalid parameter %q: it is longer than %d bytes", "query", a.o.Limits.Bytes)
	}
	if _, err := a.parser.ParseExpr(text); err != nil {
		return badData("invalid parameter %q: %v", "query", err)
	}
	return nil
}
