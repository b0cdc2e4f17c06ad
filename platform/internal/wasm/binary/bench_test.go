package binary

import "testing"

// BenchmarkInspect checks and meters the threshold policy as Go builds it.
func BenchmarkInspect(b *testing.B) {
	module := guests(b)["threshold"]
	b.SetBytes(int64(len(module)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Inspect(module); err != nil {
			b.Fatal(err)
		}
	}
}
