package policy

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
)

// Cost is what judging for one policy has used since it was put in force with
// its module.
type Cost struct {
	Policy   string
	Digest   string // of its module
	Calls    uint64 // that were answered
	Samples  uint64
	Fuel     uint64
	Time     time.Duration
	Pages    uint32            // of 64 KiB, the most of an instance; policies of one module share it
	Failures map[string]uint64 // calls that failed, by code

	Query     *flow.QueryState // nil if the policy asks none
	QueryTime time.Duration
}

// cost is the account of a rule. All shards write to it.
type cost struct {
	calls, samples, fuel atomic.Uint64
	nanos                atomic.Int64
	pages                atomic.Uint32

	mu       sync.Mutex
	failures map[string]uint64 // by code; guarded by mu
}

func newCost() *cost { return &cost{failures: map[string]uint64{}} }

func (c *cost) grew(pages uint32) {
	for had := c.pages.Load(); had < pages && !c.pages.CompareAndSwap(had, pages); {
		had = c.pages.Load()
	}
}

// failed counts a call that failed. Codes are the host's own, so there are few.
func (c *cost) failed(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures[code]++
}

// Costs says what each policy that judges has cost, at most limit of them in the
// order of their names, and how many were left out.
func (e *Engine) Costs(limit int) (costs []Cost, omitted int) {
	active := e.set.Load().active
	for _, b := range active[:min(limit, len(active))] {
		c := b.rule.cost
		c.mu.Lock()
		failures := maps.Clone(c.failures)
		c.mu.Unlock()
		cost := Cost{
			Policy: b.row.Name, Digest: b.rule.digest, Calls: c.calls.Load(), Samples: c.samples.Load(), Fuel: c.fuel.Load(),
			Time: time.Duration(c.nanos.Load()), Pages: c.pages.Load(), Failures: failures,
		}
		if q := b.rule.query; q != nil {
			cost.Query, cost.QueryTime = q.state(), time.Duration(q.nanos.Load())
		}
		costs = append(costs, cost)
	}
	return costs, len(active) - len(costs)
}
