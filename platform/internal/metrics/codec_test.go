package metrics

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// blobOf encodes batches as a commit does.
func blobOf(batches ...*flow.Batch) flow.LogRow {
	blob := []byte{blobVersion}
	var c columns
	for _, b := range batches {
		blob = appendFrame(blob, b, &c)
	}
	return flow.LogRow{ID: 1, Blob: blob, Checksum: checksum(blob)}
}

// bitPoint is a point whose value is compared by its bits: NaN equals itself.
type bitPoint struct {
	Received int64
	Series   uint64
	T        int64
	Bits     uint64
}

func pointsOf(batches ...*flow.Batch) (out []bitPoint) {
	for _, b := range batches {
		for _, r := range b.Runs {
			for i := r.First; i < r.First+r.Count; i++ {
				out = append(out, bitPoint{b.Received.UnixNano(), r.ID, b.Times[i], math.Float64bits(b.Values[i])})
			}
		}
	}
	return out
}

func decoded(t interface{ Fatalf(string, ...any) }, row flow.LogRow) (out []bitPoint) {
	err := decodeRow(row, func(p point) bool {
		out = append(out, bitPoint{p.received, p.series, p.t, math.Float64bits(p.v)})
		return true
	})
	if err != nil {
		t.Fatalf("decodeRow: %v", err)
	}
	return out
}

func drawBatch(t *rapid.T) *flow.Batch {
	b := &flow.Batch{Received: time.Unix(0, rapid.Int64().Draw(t, "received"))}
	for range rapid.IntRange(0, 4).Draw(t, "runs") {
		n := rapid.IntRange(0, 5).Draw(t, "rows")
		b.Runs = append(b.Runs, flow.Run{
			ID: rapid.Uint64().Draw(t, "id"), First: uint32(len(b.Times)), Count: uint32(n),
		})
		for range n {
			b.Times = append(b.Times, rapid.Int64().Draw(t, "time"))
			b.Values = append(b.Values, rapid.OneOf(rapid.Float64(),
				rapid.SampledFrom([]float64{0, 1, 0.12, math.NaN(), math.Inf(1), math.Copysign(0, -1), 5e-324})).Draw(t, "value"))
		}
	}
	return b
}

func TestCodec_ReturnsEveryBit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBatch(t), drawBatch(t)
		if diff := cmp.Diff(pointsOf(a, b), decoded(t, blobOf(a, b))); diff != "" {
			t.Fatalf("decoded (-want +got):\n%s", diff)
		}
	})
}

// The bytes on disk outlive the program that wrote them.
func TestCodec_KeepsItsFormat(t *testing.T) {
	t.Parallel()
	row := blobOf(&flow.Batch{
		Received: time.Unix(1_700_000_000, 0),
		Runs:     []flow.Run{{ID: 7, First: 0, Count: 3}, {ID: 9, First: 3, Count: 1}},
		Times:    []int64{1_700_000_000e9, 1_700_000_001e9, 1_700_000_002e9, 1_700_000_000e9},
		Values:   []float64{0.12, 0.12, 1, -1},
	})
	const want = "01" + "8080d0e2c6bfce972f" + "040815" + // received, lengths
		"0e03" + "0401" + // series 7, 3 rows; series 9, 1 row
		"0080a8d6b90700" + "00" + // at receipt, a second later, the same delta; at receipt
		"003fbeb851eb851eb8" + "80" + "104eb851eb851eb8" + "06bff0"
	if got := hex.EncodeToString(row.Blob); got != want {
		t.Errorf("blob = %s, want %s; old files must stay readable: raise blobVersion and read both", got, want)
	}
}

func TestDecodeLog_FindsEveryFlippedBit(t *testing.T) {
	t.Parallel()
	row := blobOf(&flow.Batch{
		Received: time.Unix(1_700_000_000, 0),
		Runs:     []flow.Run{{ID: 1, Count: 2}}, Times: []int64{5, 9}, Values: []float64{0.5, 7},
	})
	for i := range len(row.Blob) * 8 {
		bad := row
		bad.Blob = append([]byte(nil), row.Blob...)
		bad.Blob[i/8] ^= 1 << (i % 8)
		err := DecodeLog(bad, func(uint64, int64, float64) bool {
			t.Errorf("bit %d flipped: a sample was yielded", i)
			return true
		})
		if vigil.CodeOf(err) != "log_corrupt" {
			t.Errorf("bit %d flipped: DecodeLog = %v, want log_corrupt", i, err)
		}
	}
	for n := range row.Blob {
		bad := flow.LogRow{Blob: row.Blob[:n], Checksum: row.Checksum}
		if err := DecodeLog(bad, func(uint64, int64, float64) bool { return true }); vigil.CodeOf(err) != "log_corrupt" {
			t.Errorf("torn at %d: DecodeLog = %v, want log_corrupt", n, err)
		}
	}
}

func TestDecodeLog_StopsWhenAsked(t *testing.T) {
	t.Parallel()
	b := &flow.Batch{Runs: []flow.Run{{ID: 1, Count: 3}}, Times: []int64{1, 2, 3}, Values: []float64{1, 2, 3}}
	seen := 0
	if err := DecodeLog(blobOf(b, b), func(uint64, int64, float64) bool { seen++; return seen < 2 }); err != nil || seen != 2 {
		t.Errorf("DecodeLog = %v after %d samples, want nil after 2", err, seen)
	}
}

// FuzzDecodeLog gives the decoder bytes with a right checksum: it must neither
// panic nor yield more rows than there are bytes.
func FuzzDecodeLog(f *testing.F) {
	f.Add(blobOf().Blob)
	f.Add(blobOf(&flow.Batch{Runs: []flow.Run{{ID: 3, Count: 2}}, Times: []int64{1, 2}, Values: []float64{1, 0.1}}).Blob)
	huge := binary.AppendUvarint([]byte{blobVersion, 0, 11, 0, 0, 2}, math.MaxUint64)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, blob []byte) {
		rows := 0
		_ = DecodeLog(flow.LogRow{Blob: blob, Checksum: checksum(blob)}, func(uint64, int64, float64) bool {
			rows++
			return true
		})
		if rows > len(blob) {
			t.Errorf("%d rows from %d bytes", rows, len(blob))
		}
	})
}

// BenchmarkCodec measures the log of an agent's batch (40 series, one sample
// each) and of a scrape kept ten times over (1,000 series, ten samples each).
func BenchmarkCodec(b *testing.B) {
	shapes := map[string][2]int{"agent-40x1": {40, 1}, "backlog-1000x10": {1000, 10}}
	for name, shape := range shapes {
		batch := &flow.Batch{Received: time.Unix(1_700_000_000, 5)}
		for id := range shape[0] {
			batch.Runs = append(batch.Runs, flow.Run{ID: uint64(id + 1), First: uint32(len(batch.Times)), Count: uint32(shape[1])})
			for i := range shape[1] {
				batch.Times = append(batch.Times, 1_700_000_000e9+int64(i)*1e9)
				batch.Values = append(batch.Values, math.Round(math.Sin(float64(id+i))*1e3)/1e3)
			}
		}
		b.Run("encode-"+name, func(b *testing.B) {
			var c columns
			var dst []byte
			for b.Loop() {
				dst = appendFrame(dst[:0], batch, &c)
			}
			b.ReportMetric(float64(len(dst))/float64(len(batch.Times)), "B/sample")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Times)), "ns/sample")
		})
		b.Run("decode-"+name, func(b *testing.B) {
			row := blobOf(batch)
			for b.Loop() {
				_ = DecodeLog(row, func(uint64, int64, float64) bool { return true })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch.Times)), "ns/sample")
		})
	}
}
