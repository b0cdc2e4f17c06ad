package flow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

func TestKey_IsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := vigil.Series{Name: rapid.StringN(0, 300, -1).Draw(t, "name")}
		if labels := rapid.MapOf(rapid.String(), rapid.StringN(0, 200, -1)).Draw(t, "labels"); len(labels) > 0 {
			want.Labels = labels
		}
		key := flow.AppendKey(nil, want)
		got, ok := flow.SeriesOf(string(key))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Fatalf("SeriesOf(%q) ok %v (-want +got):\n%s", key, ok, diff)
		}
	})
}

func TestKey_TellsSeriesApart(t *testing.T) {
	t.Parallel()
	f := func(a, b vigil.Series) {
		t.Helper()
		if string(flow.AppendKey(nil, a)) == string(flow.AppendKey(nil, b)) {
			t.Errorf("%v and %v have one key", a, b)
		}
	}
	f(vigil.Series{Name: "a"}, vigil.Series{Name: "b"})
	f(vigil.Series{Name: "a", Labels: vigil.Labels{"x": "1y", "": "2"}}, vigil.Series{Name: "a", Labels: vigil.Labels{"x": "1", "y": "2"}})
	f(vigil.Series{Name: "ab"}, vigil.Series{Name: "a", Labels: vigil.Labels{"b": ""}})
}

// FuzzSeriesOf holds that no bytes make the reader of keys panic, and that what
// it takes for a key is one.
func FuzzSeriesOf(f *testing.F) {
	f.Add([]byte("\x01a"))
	f.Add(flow.AppendKey(nil, vigil.Series{Name: "cpu", Labels: vigil.Labels{"host": "h"}}))
	f.Add([]byte{0x80, 0x80, 0x80, 0x80, 0x80, 1})
	f.Fuzz(func(t *testing.T, key []byte) {
		s, ok := flow.SeriesOf(string(key))
		if !ok {
			return
		}
		if again, ok := flow.SeriesOf(string(flow.AppendKey(nil, s))); !ok || !cmp.Equal(s, again) {
			t.Fatalf("SeriesOf(%q) = %v, then %v", key, s, again)
		}
	})
}
