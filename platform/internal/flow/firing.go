package flow

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Firing tells the healer that an episode fires, and is told again on every
// evaluation while it does: healing is triggered by the level, not the edge.
type Firing struct {
	Policy     PolicyRow
	Episode    vigil.Episode
	Decision   string // id of the decision row
	Series     vigil.Series
	SampleAt   time.Time
	ReceivedAt time.Time
	Reach      time.Duration // how far before SampleAt the value looks; 0 for a plain sample
	Value      float64
	Reason     string
	Census     Census      // of the target's group, at this moment
	Trail      *Trail      // spans that led to the newest sample
	Trace      SpanContext // of the evaluate span; what the healer does is its child
	Spans      []Span      // the evaluate span itself, exported with the trail
}

// Judged tells the healer what a policy says of a target now. On a tick
// without new samples SampleAt and ReceivedAt stay old, so that silence can
// never pass for health.
type Judged struct {
	Policy     string
	Target     vigil.Target
	Verdict    vigil.Verdict
	Value      float64
	SampleAt   time.Time
	ReceivedAt time.Time
	Reach      time.Duration // as of Firing
	Census     Census        // of the target's group, at this moment
}

// Census counts the targets of one policy that share a group: those heard of
// within their time to live and not decommissioned.
type Census struct {
	Group     string // env=prod, or policy:NAME for a policy without a group label
	Known     int
	Unhealthy int
	Silent    int // for longer than the lookback
	Unheard   int // not heard of since the start
}

// Bad is how many are unhealthy or silent.
func (c Census) Bad() int { return c.Unhealthy + c.Silent }

// Known is one target of one policy, as it outlives a restart.
type Known struct {
	Policy string
	Target vigil.Target
	Group  string
	SeenAt time.Time
}

// Stray is what a policy, or its module, wanted to speak of beyond its scope:
// no target came of it, and nothing is done about it.
type Stray struct {
	Policy string
	Why    string
}
