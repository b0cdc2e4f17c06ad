//go:build !wasm

package policy

// within is how many values, from the first on, lie between low and high.
func within(values []float64, low, high float64) int {
	i := 0
	for i < len(values) && low <= values[i] && values[i] <= high {
		i++
	}
	return i
}
