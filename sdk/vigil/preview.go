package vigil

import "time"

// Preview is what a remediation that has not begun would do, and how things stand
// around its target now: what a person should know who is asked about it. It is
// made when it is read, and never kept.
type Preview struct {
	Action string `json:"action"` // of the present step; Runbook has the whole ladder

	// The group that caps and storms count the target in, as the policy last told.
	// Known is 0 if it has not said yet.
	Group   string `json:"group,omitempty"`
	Known   int    `json:"known"`   // targets of the group, this one among them
	Bad     int    `json:"bad"`     // of those: unhealthy or silent
	Treated int    `json:"treated"` // other targets of the group in treatment

	Used         int       `json:"used"`                   // actions on the target that count against its budget
	Budget       Rate      `json:"budget,omitzero"`        // of actions on the target
	CooldownEnds time.Time `json:"cooldown_ends,omitzero"` // of the last action on the target, if it has not ended
	AnswerBy     time.Time `json:"answer_by,omitzero"`     // when the question to a person expires

	Hold *Hold `json:"hold,omitempty"` // the guard that would hold it back now, were it approved; nil: none would
}
