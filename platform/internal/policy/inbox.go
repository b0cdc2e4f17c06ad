package policy

import (
	"sync"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// The bounds of one shard's inbox.
const (
	maxOffers = 1024
	maxRows   = 1 << 18 // waiting in offers; one larger offer is let in alone
	turnRows  = 1 << 16 // rows of one turn, which is what a guest sees at once
	maxNewest = 1 << 20 // series, once only newest samples are kept
)

// offer is the part of a batch that waits for one shard.
type offer struct {
	batch *flow.Batch
	picks []uint32 // which of the batch's runs; nil: all
	rows  int
	at    time.Time // when it began to wait

	// Of what a query gave.
	rule  *rule  // whose query it was, and the only one to judge it; nil: any may
	bare  bool   // it rests on no sample
	fault string // why there is no answer; "" if there is one
}

func newOffer(b *flow.Batch, picks []uint32, at time.Time) *offer {
	o := &offer{batch: b, picks: picks, at: at}
	for i := range o.len() {
		o.rows += int(o.run(i).Count)
	}
	return o
}

// len is how many runs it has.
func (o *offer) len() int {
	if o.picks == nil {
		return len(o.batch.Runs)
	}
	return len(o.picks)
}

func (o *offer) run(i int) *flow.Run {
	if o.picks != nil {
		i = int(o.picks[i])
	}
	return &o.batch.Runs[i]
}

// inbox holds what a shard has not judged yet. When it is full it keeps the
// newest sample of each series, since the present is what counts.
type inbox struct {
	wake chan struct{} // capacity 1: a hint that there is something to take

	mu     sync.Mutex // guards all below
	offers []*offer
	rows   int
	newest map[uint64]*offer // by series id; each holds one row of its own
}

func newInbox() inbox {
	return inbox{wake: make(chan struct{}, 1), newest: map[uint64]*offer{}}
}

// put adds an offer and returns how many samples were passed over for it.
func (in *inbox) put(o *offer) (skipped int) {
	in.mu.Lock()
	n := o.rows
	full := len(in.offers) >= maxOffers || (in.rows+n > maxRows && in.rows > 0)
	if full || len(in.newest) > 0 {
		skipped = in.keepNewest(o)
	} else {
		in.offers = append(in.offers, o)
		in.rows += n
	}
	in.mu.Unlock()
	in.hint()
	return skipped
}

func (in *inbox) hint() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// keepNewest is called with mu held.
func (in *inbox) keepNewest(o *offer) (skipped int) {
	for i := range o.len() {
		r := o.run(i)
		if r.Count == 0 {
			continue
		}
		skipped += int(r.Count) - 1
		old, ok := in.newest[r.ID]
		last := r.First + r.Count - 1
		switch {
		case ok && old.batch.Times[0] >= o.batch.Times[last], !ok && len(in.newest) >= maxNewest:
			skipped++
			continue
		case ok:
			skipped++
		}
		in.newest[r.ID] = o.single(r, last)
	}
	return skipped
}

// single copies one row of an offer into an offer of its own, so that the
// batch it came from can be forgotten.
func (o *offer) single(r *flow.Run, row uint32) *offer {
	b := &flow.Batch{
		Tenant: o.batch.Tenant, By: o.batch.By, Received: o.batch.Received, Trail: o.batch.Trail,
		Runs:   []flow.Run{{ID: r.ID, Meta: r.Meta, Count: 1, Flags: r.Flags}},
		Times:  []int64{o.batch.Times[row]},
		Values: []float64{o.batch.Values[row]},
	}
	single := newOffer(b, nil, o.at)
	single.rule, single.bare = o.rule, o.bare
	return single
}

// take removes the offers of one turn, oldest first. What remains is hinted at.
func (in *inbox) take() (turn []*offer) {
	in.mu.Lock()
	defer in.mu.Unlock()
	rows, n := 0, 0
	for n < len(in.offers) && (n == 0 || rows+in.offers[n].rows <= turnRows) {
		rows += in.offers[n].rows
		n++
	}
	turn = append(turn, in.offers[:n]...)
	clear(in.offers[:n])
	if in.offers, in.rows = in.offers[n:], in.rows-rows; len(in.offers) > 0 {
		in.hint()
		return turn
	}
	in.offers = nil
	for id, o := range in.newest {
		if len(turn) >= turnRows {
			in.hint()
			break
		}
		turn = append(turn, o)
		delete(in.newest, id)
	}
	return turn
}
