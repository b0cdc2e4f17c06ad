package vigil

import (
	"slices"
	"time"
)

// State is where a remediation stands.
type State string

// The states, in the order a remediation usually takes them.
const (
	Planned          State = "planned"           // waits for a remediator to lease it
	AwaitingApproval State = "awaiting_approval" // waits for a person
	Blocked          State = "blocked"           // a guard holds it; re-evaluated when the reason ends
	Leased           State = "leased"            // a remediator has it, no intent written yet
	Running          State = "running"           // intent is durable, the action may have had effects
	Verifying        State = "verifying"         // the action ended well; fresh samples decide
	Healed           State = "healed"            // the same policy judged newer samples clear
	Failed           State = "failed"            // the action failed, or the target is still bad
	Inconclusive     State = "inconclusive"      // no fresh sample said either
	TimedOut         State = "timed_out"         // the action outlived its timeout
	Unknown          State = "unknown"           // the executor vanished after intent: it may have run
	Skipped          State = "skipped"           // never started: stale or resolved meanwhile
	Cancelled        State = "cancelled"         // a person said no before it started
)

// Transition is one row of the state machine.
type Transition struct {
	From State
	To   []State // empty: final
	Seed string  // the word the seed's actions table shows
	Says string  // the sentence for people
}

//go:generate go test -run TestMachine_DrawingIsCurrent -update .

// Machine is the whole state machine of a remediation. Whatever moves a
// remediation asks it; a drawing of it is generated from it.
func Machine() []Transition {
	return []Transition{
		{Planned, []State{AwaitingApproval, Blocked, Leased, Skipped, Cancelled}, "pending", "waits for a remediator"},
		{AwaitingApproval, []State{Planned, Blocked, Skipped, Cancelled}, "pending", "waits for a person's approval"},
		{Blocked, []State{Planned, AwaitingApproval, Skipped, Cancelled}, "pending", "is held back by a guard"},
		{Leased, []State{Planned, Blocked, Running, Skipped, Cancelled}, "pending", "was handed to a remediator"},
		{Running, []State{Planned, Verifying, Failed, TimedOut, Unknown}, "running", "runs its action"},
		{Verifying, []State{Planned, Healed, Failed, Inconclusive}, "running", "waits for fresh samples to show whether it healed"},
		{Healed, nil, "completed", "healed its target"},
		{Failed, nil, "failed", "did not heal its target"},
		{Inconclusive, nil, "failed", "ended without a fresh sample that shows whether it healed"},
		{TimedOut, nil, "failed", "ran out of time"},
		{Unknown, []State{Planned, Verifying, Failed}, "failed", "lost its executor and may have run"},
		{Skipped, nil, "cancelled", "was skipped before it started"},
		{Cancelled, nil, "cancelled", "was cancelled before it started"},
	}
}

func (s State) row() Transition {
	for _, t := range Machine() {
		if t.From == s {
			return t
		}
	}
	return Transition{}
}

// CanBecome reports whether the machine has an edge from s to next.
func (s State) CanBecome(next State) bool { return slices.Contains(s.row().To, next) }

// Final reports whether no edge leaves s on its own. Unknown counts as final:
// only a person, an idempotent action's second attempt or the executor's late
// report leaves it.
func (s State) Final() bool { return len(s.row().To) == 0 || s == Unknown }

// Seed is the state in the seed's five words: pending, running, completed,
// failed, cancelled.
func (s State) Seed() string { return s.row().Seed }

// Says is the state as a predicate for a sentence about a remediation.
func (s State) Says() string { return s.row().Says }

// BlockReason is why a guard held an action back. Not acting is recorded like
// acting, with the numbers.
type BlockReason string

// The block reasons, in the order the guards are asked.
const (
	BlockKillSwitch BlockReason = "kill_switch"
	BlockPaused     BlockReason = "paused"
	BlockMaintained BlockReason = "maintenance"
	BlockWarmup     BlockReason = "warmup"
	BlockStale      BlockReason = "stale"
	BlockExpired    BlockReason = "expired" // a person was asked, and did not answer in time
	BlockResolved   BlockReason = "resolved"
	BlockUnmanaged  BlockReason = "unmanaged"
	BlockScope      BlockReason = "target_out_of_scope" // what the runbook takes from the series is not there, or no value
	BlockShadow     BlockReason = "shadow"
	BlockDuplicate  BlockReason = "duplicate"
	BlockTargetBusy BlockReason = "target_busy"
	BlockDependency BlockReason = "dependency" // something below the target is bad: that first
	BlockCooldown   BlockReason = "cooldown"
	BlockBackoff    BlockReason = "backoff" // the last remediation did not heal, or the last lease came back unused
	BlockExhausted  BlockReason = "exhausted"
	BlockMinHealthy BlockReason = "min_healthy"
	BlockConcurrent BlockReason = "max_concurrent"
	BlockRate       BlockReason = "rate_window"
	BlockBreaker    BlockReason = "breaker_tripped"
	BlockNoHelp     BlockReason = "ineffective"
	BlockDenied     BlockReason = "capability_denied"
	BlockApproval   BlockReason = "awaiting_approval"
)

// Hold is a guard's refusal: the reason, the numbers behind it, and when it
// may be worth asking again (zero: when something changes).
type Hold struct {
	Reason  BlockReason `json:"reason"`
	Detail  string      `json:"detail"` // "cooldown of 5m ends in 2m10s"
	RetryAt time.Time   `json:"retry_at,omitzero"`
}
