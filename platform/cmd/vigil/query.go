package main

import (
	"cmp"
	"context"
	"io"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/techmedaddy/vigil/sdk/client"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func (c *cli) query() *cobra.Command {
	var limit int
	var since, step vigil.Duration
	cmd := &cobra.Command{
		Use:   "query [NAME | PROMQL]",
		Short: "Show the newest samples, or what a PromQL expression says",
		Long: `Show the newest samples, or what a PromQL expression says.

Without an argument, or with the name of a metric, the newest samples as they
came in. With an expression its value now; with --since its course, drawn in the
terminal.`,
		Example: `  vigil query cpu_usage
  vigil query --limit 100 -o json
  vigil query 'max by (service) (service_cpu)'
  vigil query 'service_up' --since 1h`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			expr := ""
			if len(args) == 1 {
				expr = args[0]
			}
			if step != 0 && since == 0 {
				return vigil.Errorf(vigil.Invalid, "usage", "--step goes with --since")
			}
			switch {
			case since != 0:
				return c.course(cmd.Context(), expr, since.D(), step.D())
			case isMetric().MatchString(expr):
				return c.newest(cmd.Context(), expr, limit)
			}
			return c.value(cmd.Context(), expr)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this many samples")
	cmd.Flags().TextVar(&since, "since", vigil.Duration(0), "draw the course from this long `ago` until now, such as 90s, 1h or 2d")
	cmd.Flags().TextVar(&step, "step", vigil.Duration(0), "`time` between two points of the course (default: as the width allows)")
	return cmd
}

// isMetric matches a plain name, or nothing.
func isMetric() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z_:.][a-zA-Z0-9_:./-]*$|^$`) }

// newest shows samples in the order in which they came.
func (c *cli) newest(ctx context.Context, name string, limit int) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	samples, err := api.Latest(ctx, limit, name)
	if err != nil {
		return err
	}
	return c.print(samples, func(w io.Writer) {
		if len(samples) == 0 {
			row(w, "no samples yet, or none of that name")
			return
		}
		row(w, "SERIES", "VALUE", "TIME")
		for _, s := range samples {
			row(w, seriesOf(s), number(s.Value), ago(s.Time))
		}
	})
}

// value shows what an expression says now.
func (c *cli) value(ctx context.Context, expr string) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	curves, err := api.Evaluate(ctx, expr, time.Time{})
	if err != nil {
		return err
	}
	return c.print(curves, func(w io.Writer) {
		row(w, "SERIES", "VALUE")
		for _, v := range curves {
			row(w, curveName(v), number(v.Points[0].Value))
		}
	})
}

// courseWidth is how many points a course is drawn with.
const courseWidth = 60

// course draws what an expression said since then.
func (c *cli) course(ctx context.Context, expr string, since, step time.Duration) error {
	switch {
	case expr == "":
		return vigil.Errorf(vigil.Invalid, "usage", "--since wants an expression").Hinted("vigil query service_up --since 1h")
	case since < time.Second || step < 0:
		return vigil.Errorf(vigil.Invalid, "usage", "--since is at least 1s, --step more than 0")
	case step == 0:
		step = max(time.Second, (since / courseWidth).Round(time.Millisecond))
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	now := time.Now()
	curves, err := api.EvaluateRange(ctx, expr, now.Add(-since), now, step)
	if err != nil {
		return err
	}
	return c.print(curves, func(w io.Writer) {
		row(w, "SERIES", "MIN", "MAX", "LAST", "FROM "+vigil.Duration(since).String()+" AGO TO NOW")
		for _, v := range curves {
			low, high := extent(v.Points)
			row(w, curveName(v), number(low), number(high), number(v.Points[len(v.Points)-1].Value), drawn(v.Points, now.Add(-since), now))
		}
	})
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// curveName is a curve's series as PromQL writes it.
func curveName(v client.Curve) string {
	rest := maps.Clone(v.Labels)
	delete(rest, "__name__")
	return cmp.Or(vigil.Series{Name: v.Labels["__name__"], Labels: rest}.String(), "{}")
}

// extent is the lowest and the highest finite value, NaN without any.
func extent(points []client.Point) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		if !(p.Value >= low) {
			low = p.Value
		}
		if !(p.Value <= high) {
			high = p.Value
		}
	}
	return low, high
}

// drawn is a curve as a line of blocks, the highest value the tallest. Where
// there is no sample there is a gap; of several in one place the highest shows.
func drawn(points []client.Point, from, to time.Time) string {
	blocks := []rune("▁▂▃▄▅▆▇█")
	low, high := extent(points)
	line := []rune(strings.Repeat(" ", courseWidth))
	tallest := [courseWidth]int{}
	for _, p := range points {
		at := int(float64(courseWidth-1) * float64(p.Time.Sub(from)) / float64(to.Sub(from)))
		if at < 0 || at >= courseWidth || math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		level := 0
		if high > low {
			level = int(math.Round((p.Value - low) / (high - low) * float64(len(blocks)-1)))
		}
		if level+1 > tallest[at] {
			tallest[at], line[at] = level+1, blocks[level]
		}
	}
	return strings.TrimRight(string(line), " ")
}

func seriesOf(s vigil.Sample) string {
	return vigil.Series{Name: s.Name, Labels: s.Labels}.String()
}
