package policy

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/internal/guest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Caller answers the calls of a guest: the sandbox, or a test's world.
type Caller = guest.Caller

// CallError is a call that the host refused or that failed. Code is stable and
// for programs, for example capability_denied or query_limit.
type CallError = guest.CallError

// State is the module's durable memory, see Batch.State.
type State = guest.State

// Query reads the tenant's metrics: the samples since back before now of the
// series that a PromQL vector selector selects. The selector names its metric.
//
// The module must be granted query on metric:NAME. An evaluation may make 16
// calls; a query answers at most 5,000 samples of at most 31 days within 50 ms.
// What goes beyond is a CallError, and so is a refusal: judge without the
// answer then, or say nothing of the series.
func (b Batch) Query(selector string, back time.Duration) ([]vigil.History, error) {
	now := b.Now()
	return b.QueryRange(selector, now.Add(-back), now)
}

// QueryRange is Query for the samples with from ≤ time ≤ to.
func (b Batch) QueryRange(selector string, from, to time.Time) ([]vigil.History, error) {
	return guest.Query(b.host(), selector, from, to)
}

// State is what the module keeps for itself, over restarts and upgrades. All
// policies that use the module share it, so keys begin with what tells them
// apart. It must be granted state on state:MODULE.
//
// The state calls of one evaluation are one transaction, which a failure of the
// guest takes back. What was written is durable before any decision that
// follows from it; of what led to none a crash may take back the last second.
func (b Batch) State() State { return guest.StateOf(b.host()) }

func (b Batch) host() Caller {
	if b.f.host != nil {
		return b.f.host
	}
	return sandbox()
}

// AnswerWith has a test's world answer the calls of the guest. Without one, and
// outside of the sandbox, all are denied.
func (g *Guest) AnswerWith(c Caller) { g.frame.host = c }
