package promql

import (
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

// params are the parameters of a request, of its URL or its form.
type params struct {
	url.Values
	now time.Time
}

// instant reads a time: RFC 3339 or unix seconds; def when it is absent.
func (p params) instant(name string, def time.Time) (time.Time, error) {
	raw := p.Get(name)
	if raw == "" {
		return def, nil
	}
	if s, err := strconv.ParseFloat(raw, 64); err == nil {
		if math.IsNaN(s) || math.Abs(s) > 1e11 { // the year 5138
			return time.Time{}, badData("invalid parameter %q: the time is out of range", name)
		}
		whole, part := math.Modf(s)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*1e6).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, raw)
	if err != nil || math.Abs(float64(t.Unix())) > 1e11 {
		return time.Time{}, badData("invalid parameter %q: want RFC 3339 or unix seconds", name)
	}
	return t, nil
}

// duration reads seconds or a Prometheus duration such as 5m.
func (p params) duration(name string, def time.Duration) (time.Duration, error) {
	raw := p.Get(name)
	if raw == "" {
		return def, nil
	}
	if s, err := strconv.ParseFloat(raw, 64); err == nil {
		if math.IsNaN(s) || math.Abs(s) > 1e9 {
			return 0, badData("invalid parameter %q: the duration is out of range", name)
		}
		return time.Duration(s * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(raw)
	if err != nil {
		return 0, badData("invalid parameter %q: want seconds or a duration such as 30s", name)
	}
	return time.Duration(d), nil
}

// limit reads how many entries an answer may have, 0 for all.
func (p params) limit() (int, error) {
	raw := p.Get("limit")
	if raw == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 0 {
		return 0, badData("invalid parameter %q: want a number from 0", "limit")
	}
	return n, nil
}
