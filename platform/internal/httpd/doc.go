// Package httpd is the HTTP edge: it turns requests into calls of the stages
// and their answers into JSON, and keeps everything hostile outside.
//
// It promises its clients one shape of error (RFC 9457 problem+json with a
// stable code, a request id and a hint), limits that hold while a body streams
// in, and long polls that end when the server stops or the peer goes away. It
// promises the stages that a handler is reached only with a known principal, a
// context with a deadline, and strings that nobody reuses: every string and
// body is copied out of the web framework's buffers before it is handed on.
//
// A request passes, in this order: the gate (connection caps, gate.go), the
// edge (framing, path, host, origin, panics, edge.go), the route table
// (routes.go), the guard of its route (principal, body limit, deadline,
// site.go) and its handler. The control plane goes through huma for OpenAPI
// 3.1; ingest, query and the lease protocol are raw handlers. The same edge
// serves the remediator's small door, remediator.go.
//
// What the requests mean is left to the stages, which are met through the
// small interfaces of tenant.go; who may do what is left to Auth.
package httpd
