package policy

// within is how many values, from the first on, lie between low and high. It
// stands in run_wasm.s as what Go's compiler would write it if it knew loops: of
// each jump back it makes a search for the place in the function to go on at,
// which costs more than a value.
//
//go:noescape
func within(values []float64, low, high float64) int
