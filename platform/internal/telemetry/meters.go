package telemetry

import (
	"bytes"
	"fmt"

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
	t.meters.registry.MustRegister(&family{prometheus.NewDesc(name, help, []string{label}, nil), read})
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

// family is a gauge with one label, read as a whole.
type family struct {
	desc *prometheus.Desc
	read func() map[string]float64
}

// Describe names the family.
func (f *family) Describe(ch chan<- *prometheus.Desc) { ch <- f.desc }

// Collect reads the family.
func (f *family) Collect(ch chan<- prometheus.Metric) {
	for value, n := range f.read() {
		ch <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, n, value)
	}
}
