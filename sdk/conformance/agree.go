package conformance

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/techmedaddy/vigil/sdk/policytest"
)

// Agree plays so many random vectors on both guests, and stops at the first
// that they judge differently. The seed says which vectors.
func Agree(one, other policytest.Guest, seed uint64, vectors int) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	a, b := policytest.NewPlayer(one), policytest.NewPlayer(other)
	for range vectors {
		v := random(rng)
		for _, split := range policytest.Splits() {
			want, err := a.Play(v, split)
			if err != nil {
				return fmt.Errorf("the one: settings %s: %s: %w", v.Settings, split.Name, err)
			}
			got, err := b.Play(v, split)
			if err != nil {
				return fmt.Errorf("the other: settings %s: %s: %w", v.Settings, split.Name, err)
			}
			if diff := policytest.Diff(want, got); diff != "" {
				return fmt.Errorf("seed %d: settings %s: %s: the other %s", seed, v.Settings, split.Name, diff)
			}
		}
	}
	return nil
}

// random is a vector with a line anywhere among the numbers, and samples most
// of which lie as near to it as numbers can.
func random(rng *rand.Rand) policytest.Vector {
	text := line(rng)
	above, err := strconv.ParseFloat(text, 64)
	if err != nil { // too large for a number
		text, above = "1e308", 1e308
	}
	v := policytest.Vector{
		Settings: json.RawMessage(`{"above":` + text + `}`),
		Series:   []policytest.Series{{Name: "a"}, {Name: "b", Labels: map[string]string{"host": "x"}}},
	}
	for i := range v.Series {
		for range rng.IntN(12) {
			v.Series[i].Samples = append(v.Series[i].Samples, policytest.Sample{Value: near(rng, above)})
		}
	}
	return v
}

// line writes a number as JSON, in one of many ways.
func line(rng *rand.Rand) string {
	v := anything(rng)
	switch rng.IntN(6) {
	case 0:
		return strconv.FormatFloat(v, 'e', rng.IntN(30), 64)
	case 1:
		return strconv.FormatFloat(v, 'f', rng.IntN(400), 64)
	case 2:
		return middle(v, rng.IntN(2) == 0)
	case 3:
		return fmt.Sprintf("%d.%05de%d", rng.IntN(10), rng.IntN(100000), rng.IntN(700)-350)
	case 4:
		return strconv.FormatFloat(float64(rng.IntN(2000)-1000)/1000, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// middle writes all digits of what lies between a number and the next, or a
// very little more.
func middle(v float64, more bool) string {
	sum := new(big.Float).SetPrec(2200).SetFloat64(v)
	sum.Add(sum, new(big.Float).SetFloat64(math.Nextafter(v, 0)))
	text := sum.Quo(sum, big.NewFloat(2)).Text('e', 800)
	if more {
		text = strings.Replace(text, "e", "1e", 1)
	}
	return text
}

// anything is any finite number, the smallest and the largest included.
func anything(rng *rand.Rand) float64 {
	for {
		if v := math.Float64frombits(rng.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}

func near(rng *rand.Rand, v float64) float64 {
	switch rng.IntN(8) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(rng.IntN(2)*2 - 1)
	case 2, 3:
		return math.Nextafter(v, math.Inf(1))
	case 4:
		return math.Nextafter(v, math.Inf(-1))
	case 5:
		return v
	case 6:
		return math.Trunc(1e7*rng.Float64()) / 16
	}
	return anything(rng)
}
