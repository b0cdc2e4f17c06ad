// Package metrics is the history every decision stands on: the index of
// series, the log of samples on disk, and the newest samples in memory.
//
// It promises ingest that Append returns only after the samples are on disk
// (the journal's fsync has returned), and that a batch is stored whole or not
// at all. It promises readers that what they read was durable before they saw
// it, that a duplicate (series, time) keeps the last value, and that a torn or
// flipped log row is found by its checksum, told and set aside, never read as
// data. Every map, queue and answer has a bound; reaching one is a coded error.
//
// One committer goroutine, inside Run, writes groups: while one group waits
// for its fsync, the batches that arrive form the next. When idle a batch is
// written at once, so grouping costs no latency.
//
// The format of a log row is in codec.go, and DecodeLog reads one without a
// store, for tools that open the file themselves.
//
// It leaves the checking of samples to ingest, the file and its transactions
// to whoever implements Journal, and the query language to promql.
package metrics
