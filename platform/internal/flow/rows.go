package flow

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// SeriesRow is an interned series on its way to or from disk.
type SeriesRow struct {
	ID   uint64
	Meta vigil.Series
	Seen int64  // unix nanoseconds: no sample of it is much newer
	Home uint32 // Home of its host label; not on disk

	Key     string // AppendKey's, of which Meta is made; from disk only
	Damaged error  // the row on disk is not what was written: Seen is now instead; without a name only the id is given
}

// Home says where what belongs to a host is done, to be taken modulo the number
// of shards: FNV-1a, so that it is the same in every run.
func Home(host string) uint32 {
	h := uint32(2166136261)
	for i := range len(host) {
		h = (h ^ uint32(host[i])) * 16777619
	}
	return h
}

// LogGroup is one group commit of the metric log: the series it is the first
// to mention and one columnar blob.
type LogGroup struct {
	NewSeries []SeriesRow
	Seen      []uint64 // ids of known series that are seen at MaxTime, after a while
	Blob      []byte
	Checksum  uint32 // CRC-32C of Blob
	Samples   int
	MinTime   int64 // unix nanoseconds, of the samples
	MaxTime   int64
}

// LogRow is a LogGroup read back.
type LogRow struct {
	ID       int64
	Blob     []byte
	Checksum uint32
}

// Upload is a module on its way in.
type Upload struct {
	By        string
	Wasm      []byte
	Signature []byte // a .minisig file; none if empty
	BuiltIn   bool   // comes with the binary and needs no signature
}

// ModuleRow is a module with its bytes, on its way to disk, and the grants that
// an upgrade carries over to it.
type ModuleRow struct {
	vigil.Module
	Manifest vigil.Manifest
	Wasm     []byte
	Grants   []vigil.Grant
}

// PolicyRow is an applied policy with what the collector added to it.
type PolicyRow struct {
	vigil.Policy
	Digest    string    `json:"digest"` // the module that Module named when it was applied
	Revision  int64     `json:"revision"`
	AppliedAt time.Time `json:"applied_at"`
	AppliedBy string    `json:"applied_by"`

	// Query is how the policy's query fares, in answers to who asks for the policy.
	Query *QueryState `json:"query_state,omitempty"`
}

// StateChange sets or deletes one key of a module's memory.
type StateChange struct {
	Space string // whose memory
	Key   string
	Value []byte // not nil, unless the key is deleted
}

// Applied is what became of a policy that somebody applied.
type Applied string

// What may become of it.
const (
	Created   Applied = "created"
	Changed   Applied = "changed"
	Unchanged Applied = "unchanged" // it was in force already
)

// SeedAction is a row of the seed's actions table.
type SeedAction struct {
	ID        string    `json:"id"`
	Target    string    `json:"target"`
	Action    string    `json:"action"`
	Status    string    `json:"status"`
	Details   string    `json:"details"`
	StartedAt time.Time `json:"started_at"`
}

// TargetMemory is what guards must remember of a target across restarts.
type TargetMemory struct {
	Target  vigil.Target
	Fence   uint64      // highest fence token ever given
	Deeds   []time.Time // ends of recent attempts, newest last, bounded
	Updated time.Time

	Failures  int                  // remediations that did not heal it, since the last that did
	FailedAt  time.Time            // when the last of them ended
	Unhelpful map[string]Unhelpful // by policy
	Mark      vigil.Mark           // a person's word
}

// Unhelpful counts a policy's remediations of one target in a row that did not
// help it.
type Unhelpful struct {
	N     int       `json:"n"`
	Limit int       `json:"limit,omitempty"` // from which on a person goes on; 0: none
	At    time.Time `json:"at"`              // when the last of them ended
}

// GuardMemory is what guards must remember across restarts of a policy, a group
// or the whole tenant. One that remembers nothing is deleted.
type GuardMemory struct {
	Of     string         `json:"-"`                // tenant, policy:NAME or group:GROUP
	FullAt time.Time      `json:"full_at,omitzero"` // when the token bucket is full again
	Failed []FailedAction `json:"failed,omitempty"` // of a policy, oldest first, bounded
	Trip   *vigil.Breaker `json:"trip,omitempty"`   // nil: closed
	Storm  vigil.Storm    `json:"storm,omitzero"`   // the limits that a storm is held against
}

// Empty reports whether there is nothing to remember.
func (m GuardMemory) Empty() bool { return m.Trip == nil && len(m.Failed) == 0 && m.FullAt.IsZero() }

// FailedAction is an action that failed, or did not help, on a target.
type FailedAction struct {
	Action string       `json:"action"`
	Target vigil.Target `json:"target"`
	At     time.Time    `json:"at"`
}

// Change is what one step of the healer makes durable, in one transaction.
type Change struct {
	Remediations []vigil.Remediation // Version is the one after the change
	Targets      []TargetMemory
	Guards       []GuardMemory
	KillSwitch   *KillSwitch
	Brakes       Brakes
	Audit        []vigil.AuditRecord
	Notices      []vigil.Notification // what people are told of it; without a channel: whoever was told of the trouble
}

// NotificationFilter narrows a list of notifications, newest first.
type NotificationFilter struct {
	Channel string
	State   vigil.NotifyState
	Limit   int // 0 means 50
}

// Brakes is what a change does to pauses, by id, and to windows of maintenance,
// by name.
type Brakes struct {
	Pauses  []vigil.Pause // set, or set anew
	Lifted  []string
	Windows []vigil.Window // set
	Removed []string
}

// KillSwitch stops every new action while engaged; only a person lifts it.
type KillSwitch struct {
	Engaged bool      `json:"engaged"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Treatment is all the healer must know after a restart.
type Treatment struct {
	Open       []vigil.Remediation
	Targets    []TargetMemory
	Guards     []GuardMemory
	KillSwitch KillSwitch
	Pauses     []vigil.Pause  // what could not be read covers everything
	Windows    []vigil.Window // what could not be read has neither schedule nor end
}

// RemediationFilter narrows a list of remediations, newest first.
type RemediationFilter struct {
	State  vigil.State
	Target string
	Policy string
	Limit  int // 0 means 50
}
