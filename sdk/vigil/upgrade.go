package vigil

// CapabilityDiff is what a module asks for beside another one, usually an
// earlier upload of the same name.
type CapabilityDiff struct {
	Old     string        `json:"old"` // digests
	New     string        `json:"new"`
	Widened bool          `json:"widened"`          // New asks for something that Old did not ask for
	Added   []Requirement `json:"added"`            // what New asks for and Old did not
	Removed []Requirement `json:"removed"`          // what Old asked for and New does not
	Kept    []Requirement `json:"kept"`             // what New asks for and Old's requests cover
	Grants  []Grant       `json:"grants"`           // what Old holds now
	Reason  string        `json:"reason,omitempty"` // why Old's grants are not carried over to New; "" if they are
}
