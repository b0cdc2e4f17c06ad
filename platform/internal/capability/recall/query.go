package recall

import (
	"context"
	"strings"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/capability"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// The bounds of one query.
const (
	maxSamples = 5_000               // a guest in Go spends half of its fuel on reading as many
	maxRange   = 31 * 24 * time.Hour // between From and To
	queryTime  = 50 * time.Millisecond
)

// question is a query that was checked.
type question struct {
	vigil.QueryRequest
	metric string
	match  func(vigil.Series) bool
}

// target is what a grant must cover.
func (q question) target() string { return "metric:" + q.metric }

// readQuery decodes and checks a request.
func readQuery(b []byte, selector Selector) (question, error) {
	ask, err := capability.DecodeRequest[vigil.QueryRequest](b, `{"select": "cpu_usage{host=\"a\"}", "from": NANOSECONDS, "to": NANOSECONDS}`)
	if err != nil {
		return question{}, err
	}
	if err := checkRange(ask.From, ask.To); err != nil {
		return question{}, err
	}
	metric, match, err := selector(ask.Select)
	if err != nil {
		return question{}, err
	}
	// Beyond the at sign a grant's target is a host, and no metric has one.
	if metric == "" || strings.Contains(metric, "@") {
		return question{}, vigil.Errorf(vigil.Invalid, "selector_invalid", "selector of a query must name its metric, since grants are for metrics").With("field", "select")
	}
	return question{ask, metric, match}, nil
}

// checkRange refuses what is no range of time; the difference cannot overflow
// as neither end is negative.
func checkRange(from, to int64) error {
	switch {
	case from < 0 || to < from:
		return vigil.Errorf(vigil.Invalid, "query_range", "range from %d to %d: want 0 ≤ from ≤ to, in unix nanoseconds", from, to)
	case to-from > int64(maxRange):
		return vigil.Errorf(vigil.Invalid, "query_range", "range of %s: at most %s", time.Duration(to-from), maxRange)
	}
	return nil
}

// query reads the tenant's metrics.
func (r *Recall) query(ctx context.Context, q question) (vigil.QueryReply, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	select {
	case r.readers <- struct{}{}:
		defer func() { <-r.readers }()
	case <-ctx.Done():
		return vigil.QueryReply{}, slow()
	}
	found, err := r.o.Read(ctx, q.metric, q.match, time.Unix(0, q.From), time.Unix(0, q.To), maxSamples)
	switch {
	case vigil.CodeOf(err) == "query_too_expensive":
		return vigil.QueryReply{}, vigil.Errorf(vigil.Invalid, "query_limit", "more than %d samples: ask for fewer series or a shorter range", maxSamples).With("limit", maxSamples)
	case err != nil && ctx.Err() != nil:
		return vigil.QueryReply{}, slow()
	}
	return vigil.QueryReply{Series: found}, err
}

func slow() error {
	return vigil.Errorf(vigil.Timeout, "query_timeout", "no answer within %s: ask for fewer series or a shorter range", queryTime)
}
