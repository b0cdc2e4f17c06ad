// Package ingest turns a request's bytes into one columnar batch.
//
// It promises senders that a request is decoded and checked whole before
// anything of it is stored: what cannot be read, or has a value of the wrong
// type, refuses the request with a code, the index of the sample and its
// field; what is well formed but inadmissible (its age, its labels, one series
// too many) is left out and named in the receipt, and the rest is stored. An
// accepted sample is on disk. Of a duplicate (series, time) the last is kept.
//
// It promises the stages after it that a batch is immutable, its rows ascend
// in time within a run, every value is finite, and names and labels are valid
// UTF-8 within limits, each key once.
//
// The bytes come from strangers, so the reader of JSON is its own: it
// allocates only for what it keeps, knows one spelling of each key, never
// repairs invalid UTF-8, never lets a second key win over the first, and stops
// at a small depth. Its messages never repeat the input.
//
// It leaves body sizes, content encodings and credentials to the HTTP edge,
// durability to the metric store, and judgement to policies.
package ingest
