package abi_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/techmedaddy/vigil/sdk/abi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenBatch is two series, one of them with two samples and one late.
func goldenBatch() (abi.Header, []abi.Row, []int64, []float64) {
	return abi.Header{Flags: abi.FlagReplay, Config: 7, Now: 1_700_000_002_000_000_000, Seq: 42},
		[]abi.Row{
			{ID: 0x1122334455667788, Ref: 0, First: 0, Count: 2},
			{ID: 9, Ref: 1, First: 2, Count: 1, Flags: abi.FlagLate | abi.FlagReplay},
		},
		[]int64{1_700_000_000_000_000_000, 1_700_000_001_000_000_000, 1_699_999_999_000_000_000},
		[]float64{0.5, 0.95, math.Inf(1)}
}

func goldenDictionary() []abi.Series {
	return []abi.Series{
		{ID: 0x1122334455667788, Ref: 0, Labels: []string{"__name__", "cpu_usage", "host", "web-1"}},
		{ID: 9, Ref: 1, Labels: []string{"__name__", "cpu_usage", "host", "wéb-2"}},
	}
}

func goldenDecisions() []abi.Decision {
	details := abi.AppendDetail(abi.AppendDetail(nil, "above", "0.8"), "unit", "")
	return []abi.Decision{
		{Series: 0, Kind: abi.KindOK, Runbook: abi.OwnRunbook, Value: 0.5, At: 1_700_000_000_000_000_000},
		{Series: 0, Kind: abi.KindFire, Severity: 2, Runbook: 1, Value: 0.95, Score: 0.75, At: 1_700_000_001_000_000_000, Message: []byte("above 0.8"), Details: details},
		{Series: 1, Kind: abi.KindFire, Runbook: abi.OwnRunbook, Value: 0.9, At: 1_700_000_001_000_000_000, Message: []byte("above 0.8")},
		{Series: 1, Kind: abi.KindNoData, Runbook: abi.OwnRunbook, Value: math.Inf(1), At: 1_700_000_002_000_000_000},
	}
}

func TestGolden_BytesAreStable(t *testing.T) {
	h, rows, times, values := goldenBatch()
	for name, got := range map[string][]byte{
		"batch":      abi.AppendBatch(nil, h, rows, times, values),
		"tick":       abi.AppendBatch(nil, abi.Header{Config: 1, Now: 5}, nil, nil, nil),
		"dictionary": abi.AppendDictionary(nil, goldenDictionary()),
		"decisions":  abi.AppendDecisions(nil, goldenDecisions()),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".hex")
			if *update {
				if err := os.WriteFile(path, []byte(dump(got)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(dump(readGolden(t, name)), dump(got)); diff != "" {
				t.Errorf("%s differs (-golden +got):\n%s", name, diff)
			}
		})
	}
}

func TestGolden_ReadsBack(t *testing.T) {
	h, rows, times, values := goldenBatch()
	batch, err := abi.ReadBatch(readGolden(t, "batch"))
	if diff := cmp.Diff(abi.Batch{Header: h, Rows: rows, Times: times, Values: values}, batch, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("batch: err %v, diff %s", err, diff)
	}
	tick, err := abi.ReadBatch(readGolden(t, "tick"))
	if diff := cmp.Diff(abi.Batch{Header: abi.Header{Config: 1, Now: 5}}, tick, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("tick: err %v, diff %s", err, diff)
	}
	dictionary, err := abi.ReadDictionary(readGolden(t, "dictionary"))
	if diff := cmp.Diff(goldenDictionary(), dictionary); err != nil || diff != "" {
		t.Errorf("dictionary: err %v, diff %s", err, diff)
	}
	decisions, err := abi.ReadDecisions(nil, readGolden(t, "decisions"), 2)
	if diff := cmp.Diff(goldenDecisions(), decisions, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("decisions: err %v, diff %s", err, diff)
	}
}

// dump is the golden files' form: eight bytes a line, in the order they lie.
func dump(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		n := min(8, len(b))
		fmt.Fprintf(&out, "% x\n", b[:n])
		b = b[n:]
	}
	return out.String()
}

func readGolden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatalf("%s.hex: %v", name, err)
	}
	return b
}
