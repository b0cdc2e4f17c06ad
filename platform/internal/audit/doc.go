// Package audit makes the record of every state change tamper-evident and
// tells what it says.
//
// A link joins each record to the one before: HMAC-SHA-256 over the algorithm's
// name, the key's id, the link before and every field, under a key that lies
// outside of the database (Ring). So nobody who can write the database alone can
// change, swap, add or remove a record without it being seen; Check names the
// first entry that is not what was written. Records from before there were keys
// have links of SHA-256, stay verifiable, and cannot follow one with a key. A
// tail cut off whole, or a database replaced by an older copy of itself, shows
// by the newest link being known in another place: Tip keeps it in a file beside
// the key, and it may be printed and anchored anywhere.
//
// Story turns one remediation into a sentence and a timeline with durations, and
// Report into a post-mortem, for people; Explain says why an episode was, or was
// not, acted on. Learn says of what use a policy's
// actions were, beside what became of trouble that was left alone.
//
// It promises that equal records have equal links on every machine and in every
// later version of the same algorithm, and that a log whose key or tail is
// missing is never gone on with as if nothing were wrong (Ring.Admit): a person
// has to say so. It does not protect against who can read the key file, which is
// whoever the collector runs as; for that the tip has to be anchored elsewhere.
// Writing records in the transaction of the change they describe is left to the
// stage that makes the change, keeping them to the ledger.
package audit
