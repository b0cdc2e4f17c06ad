// Package sqlite keeps everything Vigil must not forget in one file per tenant:
// the metric log, modules and their grants, policies, episodes and decisions,
// remediations, what guards remember of a target, and the audit chain.
//
// It promises its callers three things. A write that returned nil is on disk:
// one goroutine owns the only writing connection, commits what waits as one
// group, and answers nobody before the fsync returned. A write is whole or
// absent, and so is the change it makes together with its audit record. After
// the first write or sync that the disk refused, nothing is ever written
// again: every later write answers storage_failed, because a sync that is
// tried twice and then succeeds proves nothing.
//
// Readers use a pool of their own, never wait for the writer, and see every
// write that was acknowledged before they began.
//
// The package holds SQL and the shape of rows, not meaning: what a blob of the
// log contains is left to metrics, which state may follow which to remedy, how
// records are chained to audit. Its consumers declare the interfaces; DB
// satisfies them without knowing them. It alone imports the SQLite driver and
// the migration library. The invariants that hide between the lines are in
// DESIGN.md.
package sqlite
