package vigil

import "time"

// PolicyStats is what became of the episodes that a policy fired for: of those
// that Vigil acted in, and of those that were left alone (in shadow, held by a
// guard, or never agreed to).
type PolicyStats struct {
	Policy    string     `json:"policy"`
	Since     time.Time  `json:"since,omitzero"` // when the oldest that is counted fired
	Treated   Recoveries `json:"treated"`        // an action began
	LeftAlone Recoveries `json:"left_alone"`     // none did
	Healed    int        `json:"healed"`         // remediations that acted: fresh samples showed that it helped
	Failed    int        `json:"failed"`         // or that it did not, or an action failed or was overdue
	Unclear   int        `json:"unclear"`        // or nothing, or nobody knows what the action did; or it goes on
	Needless  *float64   `json:"needless"`       // share of the recoveries after an action that would have come as soon without, 0 to 1; null: unknown
	Why       string     `json:"why,omitempty"`  // it is unknown
}

// Recoveries are how episodes ended. Times are from firing to the first sample
// that stayed clear, of those episodes that recovered.
type Recoveries struct {
	Episodes  int      `json:"episodes"`
	Recovered int      `json:"recovered"`
	Median    Duration `json:"median"` // 0 when none recovered, as is P90
	P90       Duration `json:"p90"`
}
