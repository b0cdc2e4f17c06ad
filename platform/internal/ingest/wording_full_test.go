package ingest

import (
	"fmt"
	"testing"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

func TestWordings_BeginAnewWhenFullAndAskedInVain(t *testing.T) {
	t.Parallel()
	var w wordings
	long := make([]byte, 1<<20)
	learn := func(i int) *wording { return w.learn(nil, fmt.Append(long, i), flow.SeriesRow{ID: uint64(i)}) }
	held := 0
	for learn(held) != nil {
		held++
	}
	if len(w.of) != held || w.bytes > maxWordings+len(long)+1000 {
		t.Fatalf("%d wordings of %d are held in %d bytes", len(w.of), held, w.bytes)
	}
	for i := 0; learn(held) == nil; i++ {
		if i > 4*held {
			t.Fatal("it never begins anew")
		}
	}
	if len(w.of) != 1 || w.find(nil, fmt.Append(long, held)) == nil || w.find(nil, fmt.Append(long, 0)) != nil {
		t.Errorf("%d wordings are held, want the new one alone", len(w.of))
	}
}
