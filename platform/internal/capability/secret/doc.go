// Package secret keeps the host's credentials on the host.
//
// It promises the drivers that inject a credential that it is read from its
// file for each use, so that a new one counts at once, and that it is one line
// of plain text. It promises the operator that what comes back from a service
// or a command is handed to no guest and kept in no record with a known secret
// in it (Redact).
//
// It recognises a secret only word for word. One that comes back encoded in
// another way, or in pieces, is not found: a grant of an endpoint or a command
// trusts the module with what that answers.
package secret
