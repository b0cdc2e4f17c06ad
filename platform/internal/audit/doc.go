// Package audit makes the record of every state change tamper-evident and
// tells what it says.
//
// Chain links each record to the one before by a hash over the algorithm's
// name, the link before and every field, so that a changed, swapped, added or
// removed record breaks the chain; Verify walks it and names the first bad
// entry. What it cannot see is a tail cut off whole: for that the newest link
// has to be known somewhere else. Story turns one remediation into a sentence
// and a timeline with durations, for people.
//
// It promises that equal records have equal links on every machine and in every
// later version of the same algorithm. Writing records in the transaction of
// the change they describe is left to the stage that makes the change, keeping
// them to the ledger.
package audit
