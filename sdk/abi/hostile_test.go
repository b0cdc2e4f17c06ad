package abi_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/techmedaddy/vigil/sdk/abi"
)

// with returns a copy of b with the number at off replaced.
func with(b []byte, off int, v uint32) []byte {
	b = append([]byte(nil), b...)
	binary.LittleEndian.PutUint32(b[off:], v)
	return b
}

func wantErrno(t *testing.T, err error, want abi.Errno) {
	t.Helper()
	var got abi.Errno
	if !errors.As(err, &got) || got != want {
		t.Errorf("error = %v, want one of %d", err, want)
	}
}

func TestReadBatch_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	good := readGolden(t, "batch")
	for name, b := range map[string][]byte{
		"empty":             nil,
		"short header":      good[:63],
		"wrong magic":       with(good, 0, 1),
		"length over bytes": with(good, 8, uint32(len(good)+1)),
		"length under head": with(good, 8, 8),
		"rows wrap around":  with(good, 12, 0xFFFFFFFF),
		"samples too many":  with(good, 16, 0x20000000),
		"rows in header":    with(good, 20, 8),
		"times unaligned":   with(good, 24, 113),
		"values outside":    with(good, 28, 0xFFFFFFF8),
		"row wraps around":  with(good, 64+16, 0xFFFFFFFF),
		"row past samples":  with(good, 64+24+12, 3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := abi.ReadBatch(b)
			wantErrno(t, err, abi.ErrBadInput)
		})
	}
	_, err := abi.ReadBatch(with(good, 4, 2))
	wantErrno(t, err, abi.ErrUnsupported)
}

func TestReadBatch_CopiesWhatIsNotAligned(t *testing.T) {
	t.Parallel()
	good := readGolden(t, "batch")
	shifted := append(make([]byte, 1, 1+len(good)), good...)[1:]
	want, _ := abi.ReadBatch(good)
	got, err := abi.ReadBatch(shifted)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("err %v, diff %s", err, diff)
	}
}

func TestReadDictionary_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	good := readGolden(t, "dictionary")
	series := strings.Index(string(good), "wéb-2") + len("wéb-2")
	for name, b := range map[string][]byte{
		"empty":            nil,
		"symbols too many": with(good, 0, 0xFFFFFFFF),
		"symbol too long":  with(good, 4, 0xFFFFFFF0),
		"series too many":  with(good, series, 0x10000000),
		"labels too many":  with(good, series+4+12, 0xFFFF),
		"unknown symbol":   with(good, series+4+16, 5),
		"cut short":        good[:len(good)-1],
		"bytes left over":  append(append([]byte(nil), good...), 0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := abi.ReadDictionary(b)
			wantErrno(t, err, abi.ErrBadInput)
		})
	}
}

func TestReadDecisions_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	good := readGolden(t, "decisions")
	const second = 8 + abi.DecisionSize
	for name, b := range map[string][]byte{
		"empty":              nil,
		"count over bytes":   with(good, 0, 1<<16),
		"count over bound":   with(make([]byte, 8+abi.DecisionSize*(abi.MaxDecisions+1)), 0, abi.MaxDecisions+1),
		"unknown series":     with(good, 8, 2),
		"unknown kind":       with(good, 8+4, 4),
		"message outside":    with(good, second+32, uint32(len(good))),
		"message wraps":      with(good, second+32, 0xFFFFFFFC),
		"message too long":   with(good, second+36, 0xFFFFFFFF),
		"details outside":    with(good, second+40, 0x7FFFFFFF),
		"details too long":   with(good, second+44, 0xFFFFFFFF),
		"details cut":        with(good, second+44, 8),
		"details name alone": with(good, second+44, 7),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := []abi.Decision{{Series: 9}}
			after, err := abi.ReadDecisions(before, b, 2)
			wantErrno(t, err, abi.ErrBadInput)
			if len(after) != 1 {
				t.Errorf("%d decisions after an error, want the 1 of before", len(after))
			}
		})
	}
}

func TestReadDecisions_BoundsTextThatManyShare(t *testing.T) {
	t.Parallel()
	many := make([]abi.Decision, abi.MaxDecisions)
	for i := range many {
		many[i].Message = []byte(strings.Repeat("x", abi.MaxMessage))
	}
	_, err := abi.ReadDecisions(nil, abi.AppendDecisions(nil, many), 1)
	wantErrno(t, err, abi.ErrBadInput)
}

func TestDecision_Text(t *testing.T) {
	t.Parallel()
	if got := (abi.Decision{Message: []byte("a\xffb")}).Text(); got != "a\uFFFDb" {
		t.Errorf("Text() = %q, want the bad byte replaced", got)
	}
}

func TestDecision_EachDetail(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	goldenDecisions()[1].EachDetail(func(name, value []byte) { got[string(name)] = string(value) })
	if diff := cmp.Diff(map[string]string{"above": "0.8", "unit": ""}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnpack_ReadsWhatPackWrote(t *testing.T) {
	t.Parallel()
	ptr, size, err := abi.Unpack(abi.Pack(0x7FFFFFF8, 0xFFFFFFFF))
	if ptr != 0x7FFFFFF8 || size != 0xFFFFFFFF || err != nil {
		t.Errorf("Unpack(Pack(…)) = %#x, %#x, %v", ptr, size, err)
	}
	_, _, err = abi.Unpack(int64(abi.ErrBadSettings))
	wantErrno(t, err, abi.ErrBadSettings)
	_, _, err = abi.Unpack(abi.Pack(1<<31, 8))
	wantErrno(t, err, abi.ErrOutOfMemory)
}

func TestAppendBatch_FillsGivenMemoryWithoutAllocating(t *testing.T) {
	h, rows, times, values := goldenBatch()
	memory := make([]byte, 1024)
	n := abi.BatchSize(len(rows), len(times))
	allocs := testing.AllocsPerRun(100, func() {
		if got := abi.AppendBatch(memory[8:8:8+n], h, rows, times, values); len(got) != n || &got[0] != &memory[8] {
			t.Fatal("batch was written elsewhere")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func FuzzReadBatch(f *testing.F) {
	f.Add(readGolden(f, "batch"))
	f.Add(readGolden(f, "tick"))
	f.Fuzz(func(t *testing.T, b []byte) {
		batch, err := abi.ReadBatch(b)
		if err != nil {
			return
		}
		for _, r := range batch.Rows {
			_, _ = batch.Times[r.First:r.First+r.Count], batch.Values[r.First:r.First+r.Count]
		}
		again, err := abi.ReadBatch(abi.AppendBatch(nil, batch.Header, batch.Rows, batch.Times, batch.Values))
		if diff := cmp.Diff(batch, again, cmpopts.EquateNaNs()); err != nil || diff != "" {
			t.Errorf("err %v, diff %s", err, diff)
		}
	})
}

func FuzzReadDictionary(f *testing.F) {
	f.Add(readGolden(f, "dictionary"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := abi.ReadDictionary(b)
		if err != nil {
			return
		}
		again, err := abi.ReadDictionary(abi.AppendDictionary(nil, entries))
		if diff := cmp.Diff(entries, again); err != nil || diff != "" {
			t.Errorf("err %v, diff %s", err, diff)
		}
	})
}

func FuzzReadDecisions(f *testing.F) {
	f.Add(readGolden(f, "decisions"), 2)
	f.Fuzz(func(t *testing.T, b []byte, series int) {
		decisions, err := abi.ReadDecisions(nil, b, series)
		if err != nil {
			return
		}
		again, err := abi.ReadDecisions(nil, abi.AppendDecisions(nil, decisions), series)
		if diff := cmp.Diff(decisions, again, cmpopts.EquateNaNs()); err != nil || diff != "" {
			t.Errorf("err %v, diff %s", err, diff)
		}
	})
}

func BenchmarkAppendBatch1000(b *testing.B) {
	times, values := make([]int64, 1000), make([]float64, 1000)
	rows := []abi.Row{{Count: 1000}}
	memory := make([]byte, 0, abi.BatchSize(1, 1000))
	b.SetBytes(int64(cap(memory)))
	for b.Loop() {
		abi.AppendBatch(memory, abi.Header{}, rows, times, values)
	}
}
