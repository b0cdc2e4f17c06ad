// Package durable writes small files so that a power cut cannot lose or halve
// them.
//
// It promises its callers (fences, budgets, service records, unsent reports)
// that after Replace has returned, the file holds the new bytes whatever
// happens next, and that whoever reads it at any other moment, also after a
// crash in between, finds the old bytes or the new ones and never a mixture.
// A rename alone promises neither: the new bytes may still be in memory when
// the name already is on disk, and the name itself lives in the directory,
// which has to be synced as well (Pillai et al., "All File Systems Are Not
// Created Equal", OSDI 2014).
//
// Whether the disk honours a sync is left to whoever chose the disk, and what
// belongs together in more than one file is left to SQLite.
package durable
