package flow

import "github.com/techmedaddy/vigil/sdk/vigil"

// The lease protocol is spoken over HTTP too, so its words live in the
// dictionary; inside the platform they go by their short names.
type (
	Lease  = vigil.Lease
	Report = vigil.Report
	Wish   = vigil.Wish
)
