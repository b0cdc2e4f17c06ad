// Package ingest turns a request's bytes into one columnar batch.
//
// It promises senders that a request is decoded whole before anything of it is
// stored: what cannot be read refuses the request with a code and the index of the
// item; what is well formed but inadmissible (its age, its labels, one series too
// many) is left out and named in the receipt, and the rest is stored. An item is
// admitted whole or not at all. An accepted one is on disk. Of a duplicate
// (series, time) the last is kept. Line protocol alone is read line by line, so
// that a line that cannot be read is an inadmissible item.
//
// It promises the stages after it that a batch is immutable, its rows ascend in
// time within a run, and names and labels are valid UTF-8 within limits, each key
// once. Values of remote write and OTLP may be no numbers; a series whose source
// said that it ended is flagged stale. What is older than the window is stored, if
// history is admitted at all, but not handed on.
//
// One builder takes what all decoders find (builder.go) and lays it out in columns
// (columns.go); a decoder hands it bytes of the body. The bytes come from
// strangers: readers trust no length, stop at a small depth, never repair invalid
// UTF-8, and never let a second key win over the first. Messages never repeat the
// input.
//
// It leaves body sizes, content encodings and credentials to the HTTP edge,
// durability to the metric store, and judgement to policies.
package ingest
