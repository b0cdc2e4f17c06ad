package flow

import "github.com/techmedaddy/vigil/sdk/vigil"

// The lease protocol is spoken over HTTP too, so its words live in the
// dictionary; inside the platform they go by their short names.
type (
	// Lease is the right to run one attempt of a remediation.
	Lease = vigil.Lease
	// Renewal is what a collector answers to a heartbeat.
	Renewal = vigil.Renewal
	// Report is how an attempt ended.
	Report = vigil.Report
	// Wish is a person's request for a remediation.
	Wish = vigil.Wish
)
