package vigil

import (
	"encoding/json"
	"time"
)

// AuditRecord says who or what changed what, when and why. It is written in
// the same transaction as the change.
type AuditRecord struct {
	Seq     int64           `json:"seq"`
	Tenant  string          `json:"tenant,omitempty"`
	At      time.Time       `json:"at"`
	By      string          `json:"by"`     // principal, policy:NAME or remediator:ID
	Verb    string          `json:"verb"`   // for example remediation.running
	Object  string          `json:"object"` // id or name of what changed
	Target  string          `json:"target,omitempty"`
	From    string          `json:"from,omitempty"`
	To      string          `json:"to,omitempty"`
	Message string          `json:"message,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`
	Alg     string          `json:"alg,omitempty"`   // how Chain was made, and with which key; "" for records from before there were keys
	Chain   string          `json:"chain,omitempty"` // hex link over this record and the one before
}

// AuditTip is the newest record of an audit log, as it is known outside of the
// database.
type AuditTip struct {
	Seq   int64     `json:"seq"`
	Chain string    `json:"chain"`
	At    time.Time `json:"at,omitzero"` // when it was noted
}

// AuditCheck says how far an audit log was found sound.
type AuditCheck struct {
	Records int64       `json:"records"` // looked at
	Last    int64       `json:"last"`    // seq of the last one that is sound
	Chain   string      `json:"chain"`   // its link
	Unkeyed int64       `json:"unkeyed,omitempty"`
	Lost    int64       `json:"lost,omitempty"` // made with keys that somebody said are lost: nobody can tell
	Tip     *AuditTip   `json:"tip,omitempty"`  // the newest record that is known outside of the database
	Bad     *AuditFault `json:"bad,omitempty"`  // the first that is not sound; nil if all are
	More    bool        `json:"more,omitempty"` // there are records behind Last that were not looked at
}

// AuditFault is the first entry of an audit log that is not what was written.
type AuditFault struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"` // changed, removed, reordered, unkeyed, truncated, key_missing
	Says string `json:"says"`
}
