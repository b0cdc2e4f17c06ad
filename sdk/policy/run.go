package policy

// RunEnd is the index of the first sample, from i on, whose value does not lie
// between low and high, both included; Len if all do. NaN lies nowhere. It is
// the quick way over samples that only go on as those before them did.
func (s Series) RunEnd(i int, low, high float64) int {
	values := s.Values()
	if i >= len(values) {
		return i
	}
	return i + within(values[i:], low, high)
}
