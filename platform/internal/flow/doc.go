// Package flow holds the words of what is under way inside the platform:
// batches between ingest and policy, what a guest is asked and answers, leases
// between the healer and its remediators, spans not yet exported, rows on their
// way to disk.
//
// It promises the stages of the core, which never import each other, one shape
// for what they hand on. It holds no behaviour beyond reading and printing
// these shapes. What a module, an agent or an API user meets is left to
// sdk/vigil.
package flow
