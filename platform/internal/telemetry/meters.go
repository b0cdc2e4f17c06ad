package telemetry

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

// MetricsType is the content type of what Metrics returns.
const MetricsType = "text/plain; version=0.0.4; charset=utf-8"

// meters is the registry of self-metrics. Its numbers live with the parts that
// count and are read when somebody looks.
type meters struct{ registry *prometheus.Registry }

func newMeters() *meters {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &meters{r}
}

// Counter shows a number that only grows. Names are constants of the wiring;
// registering one twice panics.
func (t *Telemetry) Counter(name, help string, read func() float64) {
	t.meters.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// Gauge shows a number that goes up and down.
func (t *Telemetry) Gauge(name, help string, read func() float64) {
	t.meters.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Gauges shows one number for each value of a label, for example remediations
// by state. read must return a bounded set.
func (t *Telemetry) Gauges(name, help, label string, read func() map[string]float64) {
	t.Table([]string{label}, []Column{{name, help}}, func(row func(values []float64, labels ...string)) {
		for value, n := range read() {
			row([]float64{n}, value)
		}
	})
}

// Column is one number of each row of a Table. A name that ends in _total
// belongs to a counter, any other to a gauge.
type Column struct{ Name, Help string }

// Table shows a row of numbers for each of many things, for example fuel and
// time of each policy. read tells the rows, each with its values in the order of
// the columns and its labels in theirs; they must be a bounded set without
// repetitions.
func (t *Telemetry) Table(labels []string, columns []Column, read func(row func(values []float64, labels ...string))) {
	tab := &table{read: read}
	for _, c := range columns {
		kind := prometheus.GaugeValue
		if strings.HasSuffix(c.Name, "_total") {
			kind = prometheus.CounterValue
		}
		tab.descs, tab.kinds = append(tab.descs, prometheus.NewDesc(c.Name, c.Help, labels, nil)), append(tab.kinds, kind)
	}
	t.meters.registry.MustRegister(tab)
}

// Metrics returns the self-metrics in the Prometheus text format.
func (t *Telemetry) Metrics() ([]byte, error) {
	families, err := t.meters.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather self-metrics: %w", err)
	}
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return nil, fmt.Errorf("encode self-metric %s: %w", f.GetName(), err)
		}
	}
	return b.Bytes(), nil
}

// table is some families that are read together.
type table struct {
	descs []*prometheus.Desc // one for each column, as are kinds
	kinds []prometheus.ValueType
	read  func(row func(values []float64, labels ...string))
}

// Describe names the families.
func (t *table) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range t.descs {
		ch <- d
	}
}

// Collect reads the families.
func (t *table) Collect(ch chan<- prometheus.Metric) {
	t.read(func(values []float64, labels ...string) {
		for i, v := range values {
			ch <- prometheus.MustNewConstMetric(t.descs[i], t.kinds[i], v, labels...)
		}
	})
}
