package promql

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Bounds of an answer to a policy.
const (
	maxResults     = 10_000
	maxResultBytes = 8 << 20 // of labels
)

// Ask evaluates a policy's query, under the limits of the API but not in its
// queue: people who look must not keep policies from judging. Results come
// without their name where the expression leaves none. Errors have a code.
func (a *API) Ask(ctx context.Context, q flow.Query) ([]flow.QueryResult, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.Limits.Timeout)
	defer cancel()
	seen := &evidence{at: q.At.UnixMilli()}
	opts := prom.NewPrometheusQueryOpts(false, q.Lookback, nil)
	query, err := a.engine.NewInstantQuery(ctx, Queryable{a.o.History, a.o.Limits.Samples, seen}, opts, q.Text, q.At)
	if err != nil {
		return nil, vigil.Errorf(vigil.Invalid, "query_invalid", "query cannot be read: %.256v", err)
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, refusal(result.Err)
	}
	switch v := result.Value.(type) {
	case prom.Scalar:
		return []flow.QueryResult{{Value: v.V, Newest: seen.under(labels.EmptyLabels())}}, nil
	case prom.Vector:
		return seen.results(v)
	}
	return nil, vigil.Errorf(vigil.Invalid, "query_invalid", "query gives a %s", result.Value.Type())
}

// results are the series of a vector, and what each rests on.
func (e *evidence) results(v prom.Vector) ([]flow.QueryResult, error) {
	if len(v) > maxResults {
		return nil, vigil.Errorf(vigil.Invalid, "query_too_many", "query gives %d series, the limit is %d", len(v), maxResults)
	}
	out, size := make([]flow.QueryResult, 0, len(v)), 0
	for _, s := range v {
		r := flow.QueryResult{Value: s.F, Newest: e.under(s.Metric)}
		s.Metric.Range(func(l labels.Label) {
			size += len(l.Name) + len(l.Value)
			if l.Name == model.MetricNameLabel {
				r.Series.Name = l.Value
				return
			}
			if r.Series.Labels == nil {
				r.Series.Labels = vigil.Labels{}
			}
			r.Series.Labels[l.Name] = l.Value
		})
		out = append(out, r)
	}
	if size > maxResultBytes {
		return nil, vigil.Errorf(vigil.Invalid, "query_too_many", "query gives %d bytes of labels, the limit is %d", size, maxResultBytes)
	}
	return out, nil
}

// refusal gives an error of the engine a code, and words without our inside.
func refusal(err error) error {
	f := faultOf(err)
	if e, ok := errors.AsType[*vigil.Error](err); ok && e.Kind == vigil.Internal {
		return fmt.Errorf("evaluate query: %w", err)
	}
	kind := vigil.Invalid
	switch f.kind {
	case "timeout":
		kind = vigil.Timeout
	case "canceled":
		kind = vigil.Unavailable
	}
	return vigil.Errorf(kind, f.code, "query: %.512s", f.says)
}

func isTooExpensive(err error) bool {
	var tooMany prom.ErrTooManySamples
	return errors.As(err, &tooMany) || vigil.CodeOf(err) == "query_too_expensive"
}
