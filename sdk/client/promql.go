package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Curve is a series that a query gave: one point at one time, several over a
// range. A plain number is a curve without labels.
type Curve struct {
	Labels vigil.Labels `json:"labels"` // with __name__, if it has one
	Points []Point      `json:"points"` // times ascend
}

// Point is a value at a time. A value that is no finite number is text in JSON.
type Point struct {
	Time  time.Time
	Value float64
}

// MarshalJSON writes {"ts": RFC 3339, "value": number}.
func (p Point) MarshalJSON() ([]byte, error) {
	var value any = p.Value
	if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
		value = strconv.FormatFloat(p.Value, 'g', -1, 64)
	}
	return json.Marshal(struct {
		TS    time.Time `json:"ts"`
		Value any       `json:"value"`
	}{p.Time, value})
}

// UnmarshalJSON reads a pair of the Prometheus API: [seconds, "value"].
func (p *Point) UnmarshalJSON(doc []byte) error {
	var seconds float64
	var text string
	if err := json.Unmarshal(doc, &[]any{&seconds, &text}); err != nil {
		return fmt.Errorf("decode point: %w", err)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("decode point: %w", err)
	}
	p.Time, p.Value = time.UnixMilli(int64(math.Round(seconds*1000))).UTC(), v
	return nil
}

// Evaluate evaluates a PromQL expression at a time; zero means now.
func (c *Client) Evaluate(ctx context.Context, expr string, at time.Time) ([]Curve, error) {
	q := url.Values{"query": {expr}}
	if !at.IsZero() {
		q.Set("time", seconds(at))
	}
	return c.curves(ctx, "query", q)
}

// EvaluateRange evaluates a PromQL expression at each step from start to end.
func (c *Client) EvaluateRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) ([]Curve, error) {
	return c.curves(ctx, "query_range", url.Values{
		"query": {expr}, "start": {seconds(start)}, "end": {seconds(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

func (c *Client) curves(ctx context.Context, endpoint string, q url.Values) ([]Curve, error) {
	var out struct {
		Data struct {
			ResultType string          `json:"resultType"`
			Result     json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if _, err := c.call(ctx, ask{method: http.MethodGet, path: "/prometheus/api/v1/" + endpoint, query: q}, nil, &out); err != nil {
		return nil, err
	}
	curves, err := readCurves(out.Data.ResultType, out.Data.Result)
	if err != nil {
		return nil, fmt.Errorf("decode result of %s: %w", endpoint, err)
	}
	return curves, nil
}

// readCurves reads a result by its type.
func readCurves(kind string, result json.RawMessage) ([]Curve, error) {
	switch kind {
	case "scalar":
		var p Point
		err := json.Unmarshal(result, &p)
		return []Curve{{Points: []Point{p}}}, err
	case "vector", "matrix":
		var found []struct {
			Metric vigil.Labels `json:"metric"`
			Value  *Point       `json:"value"`
			Values []Point      `json:"values"`
		}
		if err := json.Unmarshal(result, &found); err != nil {
			return nil, err
		}
		curves := make([]Curve, 0, len(found))
		for _, f := range found {
			if f.Value != nil {
				f.Values = []Point{*f.Value}
			}
			curves = append(curves, Curve{f.Metric, f.Values})
		}
		return curves, nil
	}
	return nil, vigil.Errorf(vigil.Unsupported, "result_type", "a result of type %.32q has no samples", kind)
}
