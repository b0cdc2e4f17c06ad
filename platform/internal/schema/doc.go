// Package schema knows what settings a module takes: the JSON Schema in its
// manifest.
//
// It promises package module a schema made of the Go struct that an author
// decodes settings into (FromGo, Join), the collector that settings are held
// against a schema before a guest is asked (Check), and people a table of what
// may be said (Rows).
//
// It reads a part of JSON Schema draft 2020-12 and refuses each word outside
// of it, so that no limit which an author wrote is silently not kept. A member
// that is null counts as one that is not given, as it does in a guest.
//
// What settings mean, and what no word of a schema can say, is left to the
// guest, which is asked afterwards and has the last word.
package schema
