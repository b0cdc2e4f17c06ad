package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// offerOf makes an offer of rows of one series.
func offerOf(id uint64, times ...int64) *offer {
	b := &flow.Batch{
		Runs:  []flow.Run{{ID: id, Meta: vigil.Series{Name: "x"}, Count: uint32(len(times))}},
		Times: times, Values: make([]float64, len(times)), Received: time.Unix(0, times[len(times)-1]),
	}
	return newOffer(b, nil, time.Time{})
}

// TestInbox_NeverLosesTheNewest checks that whatever is offered, a reader who
// takes all sees the newest sample of each series, within the bounds.
func TestInbox_NeverLosesTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := newInbox()
		newest, seen := map[uint64]int64{}, map[uint64]int64{}
		now := int64(0)
		offered, taken, skipped := 0, 0, 0
		takeAll := func() {
			for turn := in.take(); len(turn) > 0; turn = in.take() {
				for _, o := range turn {
					for _, r := range o.batch.Runs {
						taken += int(r.Count)
						seen[r.ID] = max(seen[r.ID], o.batch.Times[r.First+r.Count-1])
					}
				}
			}
		}
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			for range rapid.IntRange(1, 3).Draw(rt, "bursts") {
				id, burst := rapid.Uint64Range(1, 3).Draw(rt, "series"), rapid.IntRange(1, maxOffers).Draw(rt, "offers")
				for range burst {
					now += 2
					skipped += in.put(offerOf(id, now-1, now))
					offered += 2
					newest[id] = now
				}
			}
			if len(in.offers) > maxOffers || in.rows > maxRows {
				rt.Fatalf("%d offers, %d rows wait", len(in.offers), in.rows)
			}
			takeAll()
		}
		for id, want := range newest {
			if seen[id] != want {
				rt.Errorf("series %d: newest seen %d, want %d", id, seen[id], want)
			}
		}
		if taken+skipped != offered {
			rt.Errorf("%d taken + %d skipped, %d offered", taken, skipped, offered)
		}
	})
}

func TestInbox_LetsALargeOfferInAlone(t *testing.T) {
	t.Parallel()
	in := newInbox()
	times := make([]int64, maxRows+1)
	for i := range times {
		times[i] = int64(i + 1)
	}
	if skipped := in.put(offerOf(1, times...)); skipped != 0 {
		t.Errorf("%d samples passed over", skipped)
	}
	if got := in.take(); len(got) != 1 || got[0].rows != maxRows+1 {
		t.Errorf("took %d offers", len(got))
	}
}
