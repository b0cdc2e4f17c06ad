package guard

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/platform/internal/guard/brake"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Stage is a moment at which guards are asked. Stages are bits, so that a rule
// can name several.
type Stage uint8

// The stages, in the order a remediation meets them.
const (
	Plan   Stage = 1 << iota // a firing episode asks to become a remediation
	Wish                     // a person asks
	Lease                    // a planned remediation is about to be handed to a remediator
	Start                    // intent is about to be written; the effect follows
	Answer                   // a person says yes, or still may
)

// Request is all that the rules may know.
type Request struct {
	Manual     bool // a person asks: rules about policies do not apply
	Mode       vigil.Mode
	Guards     vigil.Guards
	KillSwitch flow.KillSwitch
	Brakes     brake.Set
	Policy     string       // that asks; "" for a person
	Target     vigil.Target // with its host, if one is known
	Resting    string       // why the target's host has its remediator begin nothing; "" if it may
	Started    time.Time    // of this process: warm-up counts from it

	Firing     bool          // the episode fires, on its newest sample
	SampleAt   time.Time     // of the sample that fires
	ReceivedAt time.Time     // when the collector received that sample
	Reach      time.Duration // how far before it the samples lie that its value was computed from
	Lookback   time.Duration // a firing sample older than this proves nothing
	After      time.Time     // all of that must be newer than this deed; zero: any will do
	PlannedAt  time.Time     // when the step was decided; zero: not yet, or a person was asked
	AskedAt    time.Time     // when a person was asked; zero: nobody is
	Revision   int64         // of the policy it was planned with
	Current    int64         // of the policy now

	Would     string      // what the action would be, in words
	Unmanaged string      // why no remediator can reach the target; "" if one can
	Unfilled  string      // why the runbook's parameters cannot be filled in; "" if they can
	Denied    string      // why the action may not run there; "" if it may
	Busy      *Busy       // what occupies the target
	Below     string      // what the target depends on and is bad; "" if nothing is
	Deeds     []time.Time // ends of the target's recent attempts, newest last
	Failures  int         // remediations that did not heal the target, since the last that did
	FailedAt  time.Time   // when the last of them ended
	Unhelpful int         // remediations of this policy in a row that did not help the target

	Census  flow.Census // of the target's group
	Treated int         // other targets of the group in treatment
	Waiting int         // remediations of the group that have not begun
	Buckets []Bucket    // that the next attempt takes a token from; empty when it was counted already
	Trip    *Trip       // the storm that stopped the group; nil: none did
}

// Bucket is a token bucket: Rate.N tokens, refilled evenly in Rate.Per.
type Bucket struct {
	Of     string // whose, for messages
	Rate   vigil.Rate
	FullAt time.Time // when it is full if nothing is taken; zero or past: it is full
}

// Trip is a storm that has not been over for long enough.
type Trip struct {
	Detail string
	Calm   vigil.Duration // how long it must be over
	Ends   time.Time      // zero while it rages
}

// Busy is the remediation that occupies a target.
type Busy struct {
	Remediation string
	State       vigil.State
	Same        bool      // it treats this very trouble
	SampleAt    time.Time // of the sample it treats
}

// Rule is one guard. Its function returns a hold without a reason, or nil.
type Rule struct {
	Reason vigil.BlockReason
	At     Stage
	Holds  func(r Request, now time.Time) *vigil.Hold
}

// Rules is the one ordered list of guards.
func Rules() []Rule {
	return []Rule{
		{vigil.BlockKillSwitch, Plan | Wish | Lease | Start, killSwitch},
		{vigil.BlockPaused, Plan | Wish | Lease | Start, paused},
		{vigil.BlockMaintained, Plan | Wish | Lease | Start, maintenance},
		{vigil.BlockWarmup, Plan | Lease, warmup},
		{vigil.BlockExpired, Answer, expired},
		{vigil.BlockStale, Plan | Lease | Answer, stale},
		{vigil.BlockResolved, Plan | Lease, resolved},
		{vigil.BlockUnmanaged, Plan | Wish | Lease, unmanaged},
		{vigil.BlockScope, Plan, outOfScope},
		{vigil.BlockShadow, Plan, shadow},
		{vigil.BlockDuplicate, Plan, duplicate},
		{vigil.BlockTargetBusy, Plan | Wish | Lease, targetBusy},
		{vigil.BlockDependency, Plan | Lease, dependency},
		{vigil.BlockCooldown, Plan | Wish, cooldown},
		{vigil.BlockBackoff, Plan, backoff},
		{vigil.BlockExhausted, Plan | Lease, exhausted},
		{vigil.BlockMinHealthy, Plan | Lease, minHealthy},
		{vigil.BlockConcurrent, Plan | Lease, maxConcurrent},
		{vigil.BlockRate, Plan | Lease, rateWindow},
		{vigil.BlockBreaker, Plan | Lease | Start, breakerTripped},
		{vigil.BlockNoHelp, Plan, ineffective},
		{vigil.BlockDenied, Plan | Wish | Lease, denied},
	}
}

// For returns the rules asked at a stage, in order.
func For(stage Stage) []Rule {
	var asked []Rule
	for _, rule := range Rules() {
		if rule.At&stage != 0 {
			asked = append(asked, rule)
		}
	}
	return asked
}

// Check returns the first rule's hold, or nil when nothing holds the request
// back. A shadow hold also says what the rules after it think, because a
// shadow run is worth only as much as it resembles the real one.
func Check(rules []Rule, r Request, now time.Time) *vigil.Hold {
	for i, rule := range rules {
		h := rule.Holds(r, now)
		if h == nil {
			continue
		}
		h.Reason = rule.Reason
		if rule.Reason == vigil.BlockShadow {
			if next := Check(rules[i+1:], r, now); next != nil {
				h.Detail = fmt.Sprintf("%s, but %s would hold it: %s", h.Detail, next.Reason, next.Detail)
			}
		}
		return h
	}
	return nil
}

func hold(retry time.Time, format string, args ...any) *vigil.Hold {
	return &vigil.Hold{Detail: fmt.Sprintf(format, args...), RetryAt: retry}
}

// words renders a time span for people: whole seconds above ten of them, whole
// milliseconds below.
func words(d time.Duration) vigil.Duration {
	unit := time.Millisecond
	if d >= 10*time.Second {
		unit = time.Second
	}
	return vigil.Duration(d.Round(unit))
}
