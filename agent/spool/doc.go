// Package spool keeps an agent's batches until the collector has them.
//
// It promises a first-in first-out queue that survives a restart and never
// grows without bound: while all is well batches pass through memory and no
// file is written; once Spill says that the collector cannot be reached they go
// to files in the spool's directory, and when those are full the oldest are
// dropped and counted. A file cut short by a crash loses its torn tail and
// nothing else. A batch may come out twice (after a crash, or when it was spilled
// while on its way), never out of order; the collector keeps one copy of a
// sample.
//
// It leaves the meaning of a batch, and when to try again, to ship.
package spool
