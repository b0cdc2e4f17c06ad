package vigil

import (
	"encoding/json"
	"time"
)

// ModuleKind says what a module may be used for.
type ModuleKind string

// The kinds of module.
const (
	PolicyModule ModuleKind = "policy"
	ActionModule ModuleKind = "action"
)

// Manifest is what a module says about itself: module.yaml beside its source,
// embedded as canonical JSON in the custom section vigil.manifest.
type Manifest struct {
	Schema      int             `json:"schema"` // 1
	ABI         int             `json:"abi"`    // 1
	Kind        ModuleKind      `json:"kind"`
	Name        string          `json:"name"`
	Version     string          `json:"version"`
	Description string          `json:"description,omitempty"`
	Licence     string          `json:"licence,omitempty"`
	Settings    json.RawMessage `json:"settings,omitempty"` // JSON Schema, draft 2020-12; of an action, of its parameters
	Idempotent  bool            `json:"idempotent,omitempty"`
	Requires    []Requirement   `json:"requires,omitempty"`
	Limits      Limits          `json:"limits,omitzero"`
	// Vectors are test cases, as the SDK's policytest or actiontest reads them.
	// An upload plays them compiled and interpreted and compares.
	Vectors []json.RawMessage `json:"vectors,omitempty"`
}

// Limits are what a module wants for itself. What it does not name has the
// collector's default.
type Limits struct {
	Memory Size `json:"memory,omitempty"` // the most that an instance may have
}

// Requirement is a capability that a module asks for, and why.
type Requirement struct {
	Capability string `json:"capability"` // for example service.restart
	Target     string `json:"target"`     // a pattern, for example service:*
	Why        string `json:"why"`
}

// Module is an uploaded module as the registry knows it. Its name is the
// digest of its bytes; name and version are labels.
type Module struct {
	Digest     string          `json:"digest"` // sha256:…
	Name       string          `json:"name"`
	Version    string          `json:"version"`
	Kind       ModuleKind      `json:"kind"`
	Requires   []Requirement   `json:"requires"`
	Settings   json.RawMessage `json:"settings,omitempty"` // JSON Schema, from the manifest
	Idempotent bool            `json:"idempotent,omitempty"`
	Size       int             `json:"size"`
	BuiltIn    bool            `json:"built_in,omitempty"`
	UploadedAt time.Time       `json:"uploaded_at"`
	UploadedBy string          `json:"uploaded_by"`
	SignedBy   string          `json:"signed_by,omitempty"` // number of the trusted key that signed it
	UsedBy     []string        `json:"used_by,omitempty"`   // what would break without it, for example policy cpu-high
	Cost       *ModuleCost     `json:"cost,omitempty"`      // nil if it has not run since this process began
}

// ModuleCost is what a module's guests have cost since their process began.
type ModuleCost struct {
	Calls         uint64    `json:"calls"`
	Samples       uint64    `json:"samples,omitempty"`
	Fuel          uint64    `json:"fuel"`
	Asked         uint64    `json:"asked,omitempty"`           // calls that judged samples or ran an action; the others start and configure
	FuelPerSample float64   `json:"fuel_per_sample,omitempty"` // of those calls, as are the following
	FuelPerCall   float64   `json:"fuel_per_call,omitempty"`
	TimePerCall   Duration  `json:"time_per_call,omitempty"`
	Time          Duration  `json:"time"`
	Pages         uint32    `json:"pages"` // of 64 KiB, the most that one instance had
	Traps         uint64    `json:"traps,omitempty"`
	LastTrap      string    `json:"last_trap,omitempty"` // its code
	Quarantined   time.Time `json:"quarantined_until,omitzero"`
}

// Grant is what one module digest may do, to which targets, how often, until
// when, and who said so. A digest without a grant may do nothing.
type Grant struct {
	ID         string    `json:"id"`
	Digest     string    `json:"digest"`
	Capability string    `json:"capability"` // service.restart, or service.* for a family
	Target     string    `json:"target"`     // a pattern, for example service:web-*
	Budget     Rate      `json:"budget,omitzero"`
	Expires    time.Time `json:"expires,omitzero"`
	Origin     string    `json:"origin,omitempty"` // the first grant of those it was carried over from; they share one budget
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Warning    string    `json:"warning,omitempty"` // only of the answer to its making: why perhaps no call will match it
}

// ActionInput is what an action module's vigil_run receives.
type ActionInput struct {
	Remediation string          `json:"remediation"`
	Attempt     int             `json:"attempt"`
	Previous    string          `json:"previous,omitempty"` // "unknown": an earlier start may have run
	Target      Target          `json:"target"`
	Reason      string          `json:"reason"`
	With        json.RawMessage `json:"with,omitempty"`
	DryRun      bool            `json:"dry_run,omitempty"`
}

// ActionOutput is what vigil_run answers.
type ActionOutput struct {
	OK      bool            `json:"ok"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// ServiceRequest is the request of the capabilities service.status, .start,
// .stop, .restart and .reload.
type ServiceRequest struct {
	Service string `json:"service"`
	DryRun  bool   `json:"dry_run,omitempty"`
}

// ServiceStatus answers every service capability: how the service stands after
// the deed.
type ServiceStatus struct {
	Service   string    `json:"service"`
	Driver    string    `json:"driver"`
	Up        bool      `json:"up"`
	PID       int       `json:"pid,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	PIDBefore int       `json:"pid_before,omitempty"`
	URL       string    `json:"url,omitempty"` // demo services only: where /burn and /crash live
}

// CallReply is the envelope of every host call's answer to a guest.
type CallReply struct {
	OK      bool            `json:"ok"`
	Code    string          `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Remediator is a pair of hands: a process that leases remediations for the
// services it can reach.
type Remediator struct {
	ID       string          `json:"id"`
	Host     string          `json:"host"`
	Labels   Labels          `json:"labels,omitempty"`
	Services []ServiceStatus `json:"services"`
	SeenAt   time.Time       `json:"seen_at,omitzero"`
	Paused   *PauseFile      `json:"paused,omitempty"` // its host's people have it begin nothing
}
