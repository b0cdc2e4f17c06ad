package vigil

// Reasons is why Vigil did, or did not, act on what somebody asks about.
type Reasons struct {
	About   string        `json:"about"`
	Answers []Why         `json:"answers"`           // newest first, one per policy and target
	Watched []KnownTarget `json:"watched,omitempty"` // what watches a target that no policy found bad
}

// Why is why Vigil did, or did not, act in one episode.
type Why struct {
	Episode      Episode       `json:"episode,omitzero"` // none if a person asked
	Sentences    []string      `json:"sentences"`        // what was found, what was done, what holds it back, in this order
	Hold         *Hold         `json:"hold,omitempty"`
	Remediations []Remediation `json:"remediations"`
	Next         string        `json:"next,omitempty"` // a command that shows or changes the reason
}
