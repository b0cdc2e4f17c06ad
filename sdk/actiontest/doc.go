// Package actiontest runs an action in a fake world, natively, in an ordinary
// `go test`.
//
// A test vector is a file of JSON: what the action is asked, the services that
// there are, the answer that is wanted and the calls that lead to it.
//
//	{
//	  "doc": "a service is restarted once",
//	  "input": {"target": "service:web@host-1", "attempt": 1},
//	  "services": [{"service": "web", "up": true, "pid": 41}],
//	  "want": {"ok": true, "message": "restarted web: pid 41 became 1001"},
//	  "calls": [{"op": "service.restart", "request": {"service": "web"}}]
//	}
//
// Other calls than those of services are answered out of "answers", each once
// and in order; with a "request" an answer is for that request only:
//
//	"answers": [{"op": "http.request", "data": {"status": 202}},
//	            {"op": "command.run", "request": {"command": "disk-usage"}, "data": {"exit": 0, "output": "17M"}}]
//
// "state" is what the module keeps at the start, as in package policytest.
// "refuse" lists calls that the world answers with a code. Fields of "want"
// that are left out match anything; "calls" must match whole, in order, and
// without them none may be made.
//
// It promises the replies that a host gives: the envelope, the codes, process
// ids that change with every start. It does not play a service's driver: what
// a real restart takes is tested where real processes are.
package actiontest
