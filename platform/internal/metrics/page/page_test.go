package page

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func coders(t testing.TB) (*Encoder, *Decoder) {
	t.Helper()
	e, err := NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(); d.Close() })
	return e, d
}

func encoded(e *Encoder, chunks ...Chunk) []byte {
	for _, c := range chunks {
		e.Add(c)
	}
	return e.Take(nil)
}

func everything(uint64, int64, int64) bool { return true }

func read(t testing.TB, d *Decoder, page []byte, want func(uint64, int64, int64) bool) (out []Chunk) {
	t.Helper()
	err := d.Each(page, want, func(c Chunk) bool {
		out = append(out, Chunk{c.Series, append([]int64(nil), c.Times...), append([]float64(nil), c.Values...)})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bitwise tells NaNs and zeros apart.
func bitwise() cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
}

func TestPage_GivesBackBitForBit(t *testing.T) {
	e, d := coders(t)
	rapid.Check(t, func(t *rapid.T) {
		var chunks []Chunk
		series := uint64(0)
		for range rapid.IntRange(1, 6).Draw(t, "chunks") {
			series += rapid.Uint64Range(0, 1<<40).Draw(t, "step")
			chunks = append(chunks, Chunk{series, drawTimes(t), nil})
			last := &chunks[len(chunks)-1]
			for range last.Times {
				last.Values = append(last.Values, drawValue(t))
			}
		}
		var got []Chunk
		err := d.Each(encoded(e, chunks...), everything, func(c Chunk) bool {
			got = append(got, Chunk{c.Series, append([]int64(nil), c.Times...), append([]float64(nil), c.Values...)})
			return true
		})
		if diff := cmp.Diff(chunks, got, bitwise()); err != nil || diff != "" {
			t.Fatalf("Each = %v\n%s", err, diff)
		}
	})
}

func drawTimes(t *rapid.T) []int64 {
	scale := rapid.SampledFrom([]int64{1, 1e3, 1e6, 1e9}).Draw(t, "scale")
	at := rapid.Int64Range(math.MinInt64/scale, math.MaxInt64/scale).Draw(t, "first") * scale
	times := []int64{at}
	for range rapid.IntRange(0, 12).Draw(t, "more") {
		if at > math.MaxInt64-1e12 {
			break
		}
		at += rapid.Int64Range(1, 1e12/scale).Draw(t, "step") * scale
		times = append(times, at)
	}
	return times
}

func drawValue(t *rapid.T) float64 {
	switch rapid.IntRange(0, 4).Draw(t, "sort") {
	case 0:
		return rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), 5e-324, math.MaxFloat64, 1 << 53}).Draw(t, "odd")
	case 1:
		return rapid.Float64().Draw(t, "float")
	case 2:
		return math.Float64frombits(rapid.Uint64().Draw(t, "bits"))
	default:
		return float64(rapid.IntRange(-1000, 100000).Draw(t, "number")) / 100
	}
}

func TestPage_TimesOfWholeRangeOfInt64(t *testing.T) {
	e, d := coders(t)
	want := []Chunk{{1, []int64{math.MinInt64, -1, 0, math.MaxInt64}, []float64{1, 2, 3, 4}}}
	if diff := cmp.Diff(want, read(t, d, encoded(e, want...), everything)); diff != "" {
		t.Error(diff)
	}
}

func TestPage_DecodesOnlyWhatIsAskedFor(t *testing.T) {
	e, d := coders(t)
	page := encoded(e,
		Chunk{3, []int64{10, 20}, []float64{1, 2}},
		Chunk{3, []int64{30, 40}, []float64{3, 4}},
		Chunk{9, []int64{30}, []float64{5}})
	got := read(t, d, page, func(series uint64, first, last int64) bool { return series == 3 && last >= 30 && first <= 40 })
	if diff := cmp.Diff([]Chunk{{3, []int64{30, 40}, []float64{3, 4}}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPage_EncoderTellsWhatAPageCovers(t *testing.T) {
	e, _ := coders(t)
	e.Add(Chunk{3, []int64{30, 40}, []float64{3, 4}})
	e.Add(Chunk{9, []int64{10}, []float64{5}})
	if diff := cmp.Diff(Span{MinTime: 10, MaxTime: 40, MinSeries: 3, MaxSeries: 9, Samples: 3}, e.Span); diff != "" {
		t.Error(diff)
	}
	e.Take(nil)
	e.Add(Chunk{1, []int64{7}, []float64{5}})
	if diff := cmp.Diff(Span{MinTime: 7, MaxTime: 7, MinSeries: 1, MaxSeries: 1, Samples: 1}, e.Span); diff != "" {
		t.Errorf("of the page after: %s", diff)
	}
}

func TestPage_RefusesEveryCutAndNeverPanicsOnAFlip(t *testing.T) {
	e, d := coders(t)
	whole := encoded(e, Chunk{3, []int64{10, 20}, []float64{1, 2}}, Chunk{7, []int64{30, 47}, []float64{3.5, math.Pi}})
	yes := func(Chunk) bool { return true }
	for n := range whole {
		if err := d.Each(whole[:n], everything, yes); !errors.Is(err, ErrDamaged) {
			t.Errorf("Each of %d bytes of %d = %v, want ErrDamaged", n, len(whole), err)
		}
		for bit := range 8 {
			flipped := append([]byte(nil), whole...)
			flipped[n] ^= 1 << bit
			_ = d.Each(flipped, everything, yes) // the caller's checksum tells; here it must only end
		}
	}
}

// A page that says it is larger than any that was written is not unpacked.
func TestPage_RefusesABomb(t *testing.T) {
	e, d := coders(t)
	bomb := e.zstd.EncodeAll(make([]byte, 64<<20), []byte{version})
	if err := d.Each(bomb, everything, func(Chunk) bool { return true }); !errors.Is(err, ErrDamaged) {
		t.Errorf("Each of a bomb of %d bytes = %v, want ErrDamaged", len(bomb), err)
	}
}

func FuzzEach(f *testing.F) {
	e, d := coders(f)
	f.Add(encoded(e, Chunk{3, []int64{10, 20}, []float64{1, 2}}))
	f.Add(encoded(e, Chunk{3, []int64{1e9, 2e9}, []float64{1.5, math.NaN()}}, Chunk{4, []int64{-1}, []float64{2}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, page := range [][]byte{b, e.zstd.EncodeAll(b, []byte{version})} {
			err := d.Each(page, everything, func(c Chunk) bool {
				if len(c.Times) == 0 || len(c.Times) != len(c.Values) {
					t.Fatalf("%d times and %d values", len(c.Times), len(c.Values))
				}
				return true
			})
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		}
	})
}

// gauges are what 200 series of ten hosts measured every ten seconds.
func gauges(samples int) []Chunk {
	random := rand.New(rand.NewPCG(1, 2))
	chunks := make([]Chunk, 200)
	for i := range chunks {
		c := Chunk{Series: uint64(i + 1)}
		level := float64(random.IntN(10000)) / 100
		for n := range samples {
			c.Times = append(c.Times, 1_700_000_000_000_000_000+int64(i%10)*1_000_000+int64(n)*10_000_000_000)
			if random.IntN(3) == 0 {
				level = math.Round((level+random.NormFloat64())*100) / 100
			}
			c.Values = append(c.Values, level)
		}
		chunks[i] = c
	}
	return chunks
}

func BenchmarkPage(b *testing.B) {
	e, d := coders(b)
	chunks := gauges(480)
	var pages [][]byte
	encode := func() (bytes int) {
		pages = pages[:0]
		for i, c := range chunks {
			e.Add(c)
			if e.Full() || i == len(chunks)-1 {
				pages = append(pages, e.Take(nil))
				bytes += len(pages[len(pages)-1])
			}
		}
		return bytes
	}
	samples := float64(len(chunks) * 480)
	b.Run("encode", func(b *testing.B) {
		bytes := 0
		for b.Loop() {
			bytes = encode()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/samples, "ns/sample")
		b.ReportMetric(float64(bytes)/samples, "B/sample")
	})
	b.Run("decode", func(b *testing.B) {
		encode()
		for b.Loop() {
			for _, p := range pages {
				if err := d.Each(p, everything, func(Chunk) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/samples, "ns/sample")
	})
}
