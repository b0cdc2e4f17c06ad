// Package policytest runs a policy over recorded samples, natively, in an
// ordinary `go test`.
//
// A test vector is a file of JSON: settings, series with their samples, and
// the decisions that are wanted.
//
//	{
//	  "doc": "a value over the line fires once",
//	  "settings": {"above": 0.8},
//	  "series": [{"name": "cpu_usage", "labels": {"host": "web-1"}, "samples": [[0, 0.5], [1, 0.95]]}],
//	  "want": [
//	    {"kind": "ok", "at": 0},
//	    {"kind": "fire", "at": 1, "value": 0.95, "message": "0.95 is above 0.8"}
//	  ]
//	}
//
// Times are seconds from any start. A value is a number or one of "NaN",
// "+Inf" and "-Inf". With more than one series each wanted decision names its
// own by "series", the index in the list. Instead of "want" a vector may hold
// "refused": the code and path of the settings' fault.
//
// What the policy asks of the host is answered by the vector, too: "answers"
// lists what is said to calls whose request has the members given, and "state"
// is what the module keeps at the start of each play.
//
//	"answers": [{"op": "query", "request": {"select": "limits"},
//	  "data": {"series": [{"name": "limits", "times": [1767225600000000000], "values": [4]}]}}],
//	"state": {"seen": "3"}
//
// Times are unix nanoseconds, in an array or as a host writes them. A vector
// starts on 2026-01-01 at midnight, UTC. An answer may be a refusal:
// "code" instead of "data". All else is denied.
//
// It promises that every vector runs under three splits: all samples in one
// batch, one at a time, and in two halves. A decision that repeats the kind of
// the one before it on the same series is dropped; what remains must be the
// same under every split, since the host cuts batches as load asks.
//
// Run is for `go test`; Load, Splits and Play are for whoever runs the same
// vectors in the sandbox.
package policytest
