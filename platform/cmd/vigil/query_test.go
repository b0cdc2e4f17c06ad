package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/techmedaddy/vigil/sdk/client"
)

func TestDrawn_ShowsTheCourseAndItsGaps(t *testing.T) {
	t.Parallel()
	from := time.Unix(1_700_000_000, 0)
	f := func(want string, values ...float64) {
		t.Helper()
		var points []client.Point
		for i, v := range values {
			points = append(points, client.Point{Time: from.Add(time.Duration(i) * time.Second), Value: v})
		}
		if got := drawn(points, from, from.Add((courseWidth-1)*time.Second)); got != want {
			t.Errorf("drawn(%v) = %q, want %q", values, got, want)
		}
	}
	f("")
	f("▁", 5)
	f("▁▁▁", 5, 5, 5)
	f("▁▅█", 0, 0.5, 1)
	f("█ ▁", 1, math.NaN(), -1)
	f("▁█ ▁", -1e300, 1e300, math.Inf(1), -1e300)
	f(strings.Repeat("▁", courseWidth), make([]float64, courseWidth)...)
}
