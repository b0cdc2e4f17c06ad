package vigil

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Labels are the dimensions of a series, without its name.
type Labels map[string]string

// Sample is one value of one series at one time.
type Sample struct {
	Name   string    `json:"name"`
	Value  float64   `json:"value"`
	Time   time.Time `json:"ts"`
	Labels Labels    `json:"labels,omitempty"`
}

// Series names a time series: a metric name and its labels.
type Series struct {
	Name   string `json:"name"`
	Labels Labels `json:"labels,omitempty"`
}

// String renders the series as PromQL writes it: name{a="1",b="2"}, labels in
// order, so that equal series have equal strings.
func (s Series) String() string {
	if len(s.Labels) == 0 {
		return s.Name
	}
	var b strings.Builder
	b.WriteString(s.Name)
	b.WriteByte('{')
	for i, k := range slices.Sorted(maps.Keys(s.Labels)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k)
		b.WriteByte('=')
		b.WriteString(strconv.Quote(s.Labels[k]))
	}
	b.WriteByte('}')
	return b.String()
}

// Get returns the value of a label; "__name__" is the series' name.
func (s Series) Get(label string) string {
	if label == "__name__" {
		return s.Name
	}
	return s.Labels[label]
}
