package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// FuzzJSON holds the reader against encoding/json: what it accepts is JSON and
// means the same there, what it refuses has a code, and nothing half accepted
// is stored.
func FuzzJSON(f *testing.F) {
	for _, body := range []string{
		`{"name":"cpu_usage","value":0.12}`, `[{"name":"a","value":1,"ts":1700000000,"labels":{"h":"é\u00e9\ud83d\ude00"}}]`,
		"{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\"value\":-2e-3}", `[]`, `{"name":"a","value":NaN}`,
		`{"name":"a","value":1,"ts":"2023-11-14T22:13:20Z","tags":{"x":""}}`, strings.Repeat("[", 40), "{\"name\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w, in := newWorld()
		receipt, err := post(t, in, string(body))
		if err != nil {
			if vigil.CodeOf(err) == "internal" || len(w.batches) != 0 {
				t.Fatalf("JSON(%q) = %v with %d batches", body, err, len(w.batches))
			}
			return
		}
		want := decodeStd(t, body)
		if receipt.Accepted+len(receipt.Rejected) != len(want) {
			t.Fatalf("JSON(%q): %d + %d samples, encoding/json finds %d", body, receipt.Accepted, len(receipt.Rejected), len(want))
		}
		for _, s := range w.stored() {
			if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
				t.Fatalf("stored %q", s)
			}
		}
		checkValues(t, w, want)
	})
}

type stdSample struct {
	Name  string
	Value *float64
}

// decodeStd reads a body the way encoding/json does.
func decodeStd(t *testing.T, body []byte) (out []stdSample) {
	t.Helper()
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); trimmed[0] == '[' {
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatalf("accepted %q, encoding/json says %v", body, err)
		}
		return out
	}
	for dec := json.NewDecoder(bytes.NewReader(body)); ; {
		var one stdSample
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("accepted %q, encoding/json says %v", body, err)
		}
		out = append(out, one)
	}
}

// checkValues finds every stored value among those that encoding/json read.
func checkValues(t *testing.T, w *world, want []stdSample) {
	t.Helper()
	for _, b := range w.batches {
		for _, r := range b.Runs {
			for i := r.First; i < r.First+r.Count; i++ {
				found := false
				for _, s := range want {
					found = found || s.Name == r.Meta.Name && math.Float64bits(*s.Value) == math.Float64bits(b.Values[i])
				}
				if !found {
					t.Fatalf("stored %s %v, not in %+v", r.Meta, b.Values[i], want)
				}
			}
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	f := func(name, body string, samples int) {
		b.Run(name, func(b *testing.B) {
			w, in := newWorld()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := post(b, in, body); err != nil {
					b.Fatal(err)
				}
				w.batches, w.offered = nil, nil
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*samples), "ns/sample")
		})
	}
	f("one", `{"name":"cpu_usage","value":0.12}`, 1)
	one := `{"name":"service_cpu","value":0.125,"ts":"2023-11-14T22:13:20Z","labels":{"host":"web-1","service":"backend"}}`
	f("agent-40", "["+strings.Repeat(one+",", 39)+one+"]", 40)
}
