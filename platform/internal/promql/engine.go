package promql

import (
	"cmp"
	"log/slog"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Limits of queries. Zero values mean the defaults named here.
type Limits struct {
	Samples int           // that one query holds at once: 5,000,000
	Timeout time.Duration // of one query: 10s
	Running int           // queries at once; others wait: 4
	Bytes   int           // of a query's text: 16 KiB
}

func (l Limits) filled() Limits {
	l.Samples = cmp.Or(l.Samples, 5_000_000)
	l.Timeout = cmp.Or(l.Timeout, 10*time.Second)
	l.Running = cmp.Or(l.Running, 4)
	l.Bytes = cmp.Or(l.Bytes, 16<<10)
	return l
}

// lookback is how old a sample may be that stands for the present, as in
// Prometheus.
const lookback = 5 * time.Minute

// NewEngine returns Prometheus' engine with Vigil's limits. With experimental
// it also knows the functions that Prometheus hides behind a flag.
func NewEngine(l Limits, log *slog.Logger, experimental bool) *prom.Engine {
	l = l.filled()
	return prom.NewEngine(prom.EngineOpts{
		Logger:                   log,
		MaxSamples:               l.Samples,
		Timeout:                  l.Timeout,
		LookbackDelta:            lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return defaultStep.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnableDelayedNameRemoval: experimental, // its test scripts expect that of it
		Parser: parser.NewParser(parser.Options{
			EnableExperimentalFunctions: experimental,
			EnableBinopFillModifiers:    experimental,
		}),
	})
}
