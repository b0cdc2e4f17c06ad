package vigil

import "time"

// Health is how a known target stands.
type Health string

// The states of health, as a census counts them.
const (
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy" // its policy finds it bad, or has begun to
	Silent    Health = "silent"    // no sample within the lookback; never counted as healthy
	Unheard   Health = "unheard"   // known from before the start, and not heard of since
)

// KnownTarget is a target that some policy has samples of, or had within the
// time to live, and what people said of it.
type KnownTarget struct {
	Target      Target       `json:"target"`
	Health      Health       `json:"health"` // the worst that any policy finds
	SeenAt      time.Time    `json:"seen_at,omitzero"`
	Memberships []Membership `json:"memberships"`
	Mark        Mark         `json:"mark,omitzero"`
	Treatment   string       `json:"treatment,omitempty"` // id of the remediation that occupies it
}

// Membership is a known target as one policy counts it.
type Membership struct {
	Policy string    `json:"policy"`
	Group  string    `json:"group"` // env=prod, or policy:NAME for a policy without a group label
	Health Health    `json:"health"`
	SeenAt time.Time `json:"seen_at"`
}

// Mark is a person's word on a target: nothing automatic acts on one that is
// protected or decommissioned, and one that is decommissioned counts in no group.
type Mark struct {
	Protected      bool      `json:"protected,omitempty"`
	Decommissioned bool      `json:"decommissioned,omitempty"`
	By             string    `json:"by,omitempty"`
	Reason         string    `json:"reason,omitempty"`
	At             time.Time `json:"at,omitzero"`
}

// MarkWords are what a person may say of a target; each lifts its opposite.
func MarkWords() []string {
	return []string{"protected", "unprotected", "decommissioned", "recommissioned"}
}

// BreakerState is how a breaker stands.
type BreakerState string

// The breaker states. A closed breaker is not kept.
const (
	BreakerTripped  BreakerState = "tripped"
	BreakerHalfOpen BreakerState = "half_open" // below the threshold, but not yet for as long as calm asks
)

// Breaker is a stop of many actions at once, and why. A storm ends when its group
// has been calm; what failed or did not help ends by a person's reset only.
type Breaker struct {
	Policy string       `json:"policy"`           // that found it, and is named in a reset
	Group  string       `json:"group,omitempty"`  // why is storm: no new action starts in it
	Target *Target      `json:"target,omitempty"` // why is ineffective: the policy leaves it to a person
	State  BreakerState `json:"state"`
	Why    string       `json:"why"` // storm, failing or ineffective
	Detail string       `json:"detail"`
	At     time.Time    `json:"at,omitzero"`
	CalmAt time.Time    `json:"calm_at,omitzero"` // since when a storm is below its threshold
}

// Why a breaker tripped.
const (
	WhyStorm       = "storm"
	WhyFailing     = "failing"
	WhyIneffective = "ineffective"
)
