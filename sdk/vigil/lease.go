package vigil

import (
	"encoding/json"
	"time"
)

// Lease is the right to run one attempt of a remediation, until its deadline,
// for one remediator. It is the wire format between collector and remediator.
type Lease struct {
	Remediation string          `json:"remediation"`
	Tenant      string          `json:"tenant"`
	Attempt     int             `json:"attempt"`
	Previous    string          `json:"previous,omitempty"`
	Fence       uint64          `json:"fence"` // higher than any before on this target
	Target      Target          `json:"target"`
	Reason      string          `json:"reason"`
	Action      string          `json:"action"` // the module's name, for people
	Digest      string          `json:"digest"` // the module to run
	With        json.RawMessage `json:"with,omitempty"`
	Grants      []Grant         `json:"grants"`
	Timeout     Duration        `json:"timeout"`
	Heartbeat   Duration        `json:"heartbeat"` // beat at least this often
	Until       time.Time       `json:"until"`
	Trace       string          `json:"trace,omitempty"` // traceparent of the lease's span
}

// Renewal is what a collector answers to a heartbeat.
type Renewal struct {
	Cancel bool `json:"cancel"` // the action should stop
	// Hold is why an action that was not entered yet should not be: a brake was
	// set after its start was agreed to. What runs may finish.
	Hold string `json:"hold,omitempty"`
	// Grants are what the lease's module is granted now, in place of the lease's
	// own; null: the collector does not say.
	Grants []Grant `json:"grants"`
}

// Report is how an attempt ended, as its remediator tells it.
type Report struct {
	Remediation string     `json:"remediation"`
	Attempt     int        `json:"attempt"`
	Fence       uint64     `json:"fence"`
	OK          bool       `json:"ok"`
	Started     bool       `json:"started"` // false: nothing happened, it may be leased again
	Code        string     `json:"code,omitempty"`
	Message     string     `json:"message,omitempty"`
	StartedAt   time.Time  `json:"started_at"`
	EndedAt     time.Time  `json:"ended_at"`
	PID         int        `json:"pid,omitempty"` // of the service after the deed
	PIDBefore   int        `json:"pid_before,omitempty"`
	Calls       []HostCall `json:"calls,omitempty"`
	Log         []string   `json:"log,omitempty"`
}

// Wish is a person's request for a remediation: POST /remediate.
type Wish struct {
	By     string `json:"by"`
	Target Target `json:"target"`
	Action string `json:"action"` // module name, for example restart-service
	Reason string `json:"reason,omitempty"`
	Trace  string `json:"trace,omitempty"`
	Key    string `json:"key,omitempty"` // Idempotency-Key: the same wish again is the same remediation
}
