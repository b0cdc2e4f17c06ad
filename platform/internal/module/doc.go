// Package module is the registry of a tenant's modules: what was uploaded,
// which of it a name means, and what each digest was granted. It also builds a
// module from its source.
//
// It promises that a module's name is the digest of its bytes and that name
// and version are labels: whatever is bound is bound to a digest, and a new
// upload changes nothing that runs. A digest without a grant may do nothing;
// every upload, grant and revocation is in the audit log, in the same
// transaction. An upload takes over the grants of what its name meant before
// only if it asks for nothing more, is not older and is signed by the same key.
// What is in use cannot be deleted.
//
// It promises an operator who requires signatures that nothing is stored or put
// to use which no trusted key has signed, except what the binary brings along.
// What was stored before stays, and policies that are in force with it go on
// judging; to be bound or run anew it needs a signature, which a later upload of
// the same bytes brings.
//
// Whether bytes are a module at all is asked of a Checker, and rows are kept
// by a Store. Running modules is left to wasm, carrying out what was granted
// to capability. Allows answers whether a grant covers a call; counting how
// often, a grant's budget, is left to the one who makes the calls.
package module
