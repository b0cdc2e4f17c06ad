package promql

import (
	"strconv"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// BenchmarkChoice holds 100,000 series of 1,000 hosts against a selector with a
// regular expression, beside asking the expression of every series, as the
// matchers would be by themselves.
func BenchmarkChoice(b *testing.B) {
	const text = `{__name__=~"container_.*",host=~".*-(1|2|3)[0-9]*5"}`
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
	if err != nil {
		b.Fatal(err)
	}
	series := make([]vigil.Series, 100_000)
	for i := range series {
		series[i] = vigil.Series{Name: "container_cpu", Labels: vigil.Labels{"host": "node-" + strconv.Itoa(i/100), "container": strconv.Itoa(i)}}
	}
	count := func(match func(vigil.Series) bool) (n int) {
		for _, s := range series {
			if match(s) {
				n++
			}
		}
		return n
	}
	want := count(plainly(matchers))
	f := func(name string, match func() func(vigil.Series) bool) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := count(match()); got != want || want == 0 {
					b.Fatalf("%d series, want %d", got, want)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(series)), "ns/series")
		})
	}
	f("once-each", func() func(vigil.Series) bool { return choice(matchers).Match })
	f("plainly", func() func(vigil.Series) bool { return plainly(matchers) })
}

func plainly(matchers []*labels.Matcher) func(vigil.Series) bool {
	return (&Selector{matchers: matchers}).Matches
}
