// Package trial plays an author's test vectors on a module in the sandbox, and
// measures what it costs there.
//
// It promises that a vector is played as the platform would: the samples pass
// the whole host path, under the three splits of package policytest, and what
// the module said is held against what the vector wants and, where the author's
// own `go test` left a record, against what the same code said outside of the
// sandbox. An action meets the fake world of package actiontest, and no other.
//
// The sandbox is what the caller hands in as functions: package wasm is a
// sibling. Reporting, and what follows from a failure, is left to the command.
package trial
