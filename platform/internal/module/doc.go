// Package module is the registry of a tenant's modules: what was uploaded,
// which of it a name means, and what each digest was granted. It also builds a
// module from its source.
//
// It promises that a module's name is the digest of its bytes and that name
// and version are labels: whatever is bound is bound to a digest, and a new
// upload changes nothing that runs. A digest without a grant may do nothing;
// every upload and grant is in the audit log, in the same transaction.
//
// Whether bytes are a module at all is asked of a Checker, and rows are kept
// by a Store. Running modules is left to wasm, carrying out what was granted
// to capability. Allows answers whether a grant covers a call; counting how
// often, a grant's budget, is left to the one who makes the calls.
package module
