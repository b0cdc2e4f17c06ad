package probe

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Service is a service to watch. PID is its main process, 0 while it has none.
type Service struct {
	Name string
	PID  int
}

// Options of a Probe. Zero values mean the defaults named here.
type Options struct {
	Host     string           // value of the label host
	Proc     string           // /proc
	Services func() []Service // asked at every measurement; nil: none
}

// Probe measures. It remembers the counters of the measurement before, so it
// belongs to one goroutine.
type Probe struct {
	opts    Options
	last    time.Time // of the measurement before; zero at first
	uptime  float64   // seconds since boot, then
	cpu     cpuTimes
	network map[string]netBytes
	procs   map[procKey]float64 // CPU seconds of each process of a service
}

// New returns a Probe that has measured nothing yet.
func New(o Options) *Probe {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Services == nil {
		o.Services = func() []Service { return nil }
	}
	return &Probe{opts: o}
}

// Measure returns what the host and its services do at now.
func (p *Probe) Measure(now time.Time) []vigil.Sample {
	r := reading{host: p.opts.Host, at: now}
	if !p.last.IsZero() {
		r.elapsed = now.Sub(p.last).Seconds()
	}
	uptime := p.readUptime()
	p.measureCPU(&r)
	p.measureMemory(&r)
	p.measureLoad(&r)
	p.measureDisks(&r)
	p.measureNetwork(&r)
	p.measureServices(&r)
	p.last, p.uptime = now, uptime
	return r.samples
}

// reading collects the samples of one measurement.
type reading struct {
	host    string
	at      time.Time
	elapsed float64 // seconds since the measurement before; 0 at first
	samples []vigil.Sample
}

// add takes a value with at most one label beside the host's.
func (r *reading) add(name string, value float64, label ...string) {
	labels := vigil.Labels{"host": r.host}
	if len(label) == 2 {
		labels[label[0]] = label[1]
	}
	r.samples = append(r.samples, vigil.Sample{Name: name, Value: value, Time: r.at, Labels: labels})
}
