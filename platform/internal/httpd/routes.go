package httpd

import "strings"

// Route is one row of the route table. Who may take a route is decided by its
// ID, which never changes, and not by its path.
type Route struct {
	ID     string
	Method string
	Path   string // {name} stands for one segment, or its part before a :verb
	Says   string // one line for OpenAPI

	body bodySize
	snap bool // the body is one snappy block, as remote write has it
	open bool // asks for no principal
	poll bool // may take long: ends with the server's stop or the peer's leaving
}

// bodySize says which limit a route's body has.
type bodySize uint8

const (
	noBody     bodySize = iota // what comes is dropped
	smallBody                  // Limits.Body
	ingestBody                 // Limits.IngestBody
	moduleBody                 // Limits.ModuleBody, and more time to arrive
)

// modulesPath is named once more by the reader of headers, which gives uploads
// more time.
const modulesPath = "/api/v1/modules"

// Routes is the whole table, the collector's and the remediator's.
func Routes() []Route {
	return append([]Route{
		{ID: "livez", Method: "GET", Path: "/livez", Says: "Is the process alive?", open: true},
		{ID: "readyz", Method: "GET", Path: "/readyz", Says: "Can it serve?", open: true},
		{ID: "healthz", Method: "GET", Path: "/healthz", Says: "Can it serve, and what is it?", open: true},
		{ID: "metrics", Method: "GET", Path: "/metrics", Says: "Self-metrics for Prometheus"},
		{ID: "openapi", Method: "GET", Path: "/openapi.json", Says: "This document"},

		{ID: "ingest", Method: "POST", Path: "/ingest", Says: "Send samples", body: ingestBody},
		{ID: "write.prometheus", Method: "POST", Path: "/api/v1/write", Says: "Send samples by Prometheus' remote write 1.0", body: ingestBody, snap: true},
		{ID: "write.otlp", Method: "POST", Path: "/v1/metrics", Says: "Send metrics by OTLP/HTTP", body: ingestBody},
		{ID: "write.influx", Method: "POST", Path: "/write", Says: "Send lines as to InfluxDB 1", body: ingestBody},
		{ID: "write.influx2", Method: "POST", Path: "/api/v2/write", Says: "Send lines as to InfluxDB 2", body: ingestBody},
		{ID: "influx.ping", Method: "GET", Path: "/ping", Says: "Is somebody there who takes InfluxDB's lines?"},
		{ID: "influx.query", Method: "POST", Path: "/query", Says: "Pretend to create a database, as senders to InfluxDB 1 ask", body: smallBody},
		{ID: "query", Method: "GET", Path: "/query", Says: "The newest samples"},
		{ID: "actions.list", Method: "GET", Path: "/actions", Says: "What was done, in the seed's five columns"},
		{ID: "actions.post", Method: "POST", Path: "/actions", Says: "Record an action done elsewhere", body: smallBody},
		{ID: "remediate", Method: "POST", Path: "/remediate", Says: "Act on a service and wait for the action's end (remediator)", body: smallBody, poll: true},

		{ID: "modules.list", Method: "GET", Path: modulesPath, Says: "List modules"},
		{ID: "modules.upload", Method: "POST", Path: modulesPath, Says: "Upload a WebAssembly module", body: moduleBody},
		{ID: "modules.get", Method: "GET", Path: "/api/v1/modules/{ref}", Says: "Show a module by name, name@version or digest"},
		{ID: "modules.delete", Method: "DELETE", Path: "/api/v1/modules/{ref}", Says: "Delete a module that nothing uses"},
		{ID: "modules.bytes", Method: "GET", Path: "/api/v1/modules/{ref}/wasm", Says: "Download a module"},
		{ID: "state.list", Method: "GET", Path: "/api/v1/modules/{ref}/state", Says: "Show what a module keeps for itself"},
		{ID: "state.delete", Method: "DELETE", Path: "/api/v1/modules/{ref}/state", Says: "Delete one key of what a module keeps for itself"},
		{ID: "grants.list", Method: "GET", Path: "/api/v1/grants", Says: "List grants"},
		{ID: "grants.put", Method: "POST", Path: "/api/v1/grants", Says: "Grant a capability to a module digest", body: smallBody},
		{ID: "grants.diff", Method: "GET", Path: "/api/v1/grants:diff", Says: "Compare what two modules ask for"},
		{ID: "grants.delete", Method: "DELETE", Path: "/api/v1/grants/{id}", Says: "Take a grant back"},

		{ID: "policies.list", Method: "GET", Path: "/api/v1/policies", Says: "List policies"},
		{ID: "policies.get", Method: "GET", Path: "/api/v1/policies/{name}", Says: "Show a policy"},
		{ID: "policies.stats", Method: "GET", Path: "/api/v1/policies/{name}/stats", Says: "What became of a policy's episodes, treated and left alone"},
		{ID: "why", Method: "GET", Path: "/api/v1/why", Says: "Why Vigil did, or did not, act"},
		{ID: "policies.put", Method: "PUT", Path: "/api/v1/policies/{name}", Says: "Apply a policy", body: smallBody},
		{ID: "policies.delete", Method: "DELETE", Path: "/api/v1/policies/{name}", Says: "Delete a policy"},
		{ID: "episodes.list", Method: "GET", Path: "/api/v1/episodes", Says: "List episodes, newest first"},
		{ID: "decisions.list", Method: "GET", Path: "/api/v1/decisions", Says: "List decisions, newest first"},
		{ID: "decisions.get", Method: "GET", Path: "/api/v1/decisions/{id}", Says: "Show a decision"},

		{ID: "remediations.list", Method: "GET", Path: "/api/v1/remediations", Says: "List remediations, newest first"},
		{ID: "remediations.request", Method: "POST", Path: "/api/v1/remediations", Says: "Request a remediation", body: smallBody, poll: true},
		{ID: "remediations.get", Method: "GET", Path: "/api/v1/remediations/{id}", Says: "Show a remediation", poll: true},
		{ID: "remediations.cancel", Method: "POST", Path: "/api/v1/remediations/{id}:cancel", Says: "Cancel a remediation that has not started"},
		{ID: "remediations.undo", Method: "POST", Path: "/api/v1/remediations/{id}:undo", Says: "Take back the last deed of a remediation that has ended"},
		{ID: "remediations.approve", Method: "POST", Path: "/api/v1/remediations/{id}:approve", Says: "Approve a remediation, as it was seen", body: smallBody},
		{ID: "remediations.deny", Method: "POST", Path: "/api/v1/remediations/{id}:deny", Says: "Deny a remediation"},
		{ID: "targets.list", Method: "GET", Path: "/api/v1/targets", Says: "List the targets that policies know"},
		{ID: "targets.mark", Method: "POST", Path: "/api/v1/targets/{target}", Says: "Protect or decommission a target, or undo it", body: smallBody},
		{ID: "breakers.list", Method: "GET", Path: "/api/v1/breakers", Says: "List what is stopped because too much went wrong"},
		{ID: "breakers.reset", Method: "POST", Path: "/api/v1/breakers/{policy}:reset", Says: "Let a stopped policy go on"},
		{ID: "audit.list", Method: "GET", Path: "/api/v1/audit", Says: "Read the audit log, oldest first"},
		{ID: "audit.verify", Method: "GET", Path: "/api/v1/audit:verify", Says: "Check that the audit log is what was written"},
		{ID: "killswitch.get", Method: "GET", Path: "/api/v1/killswitch", Says: "Show the kill switch"},
		{ID: "killswitch.set", Method: "PUT", Path: "/api/v1/killswitch", Says: "Engage or lift the kill switch", body: smallBody},

		{ID: "remediators.list", Method: "GET", Path: "/api/v1/remediators", Says: "List remediators and the services they reach"},
		{ID: "pauses.list", Method: "GET", Path: "/api/v1/pauses", Says: "List pauses, oldest first"},
		{ID: "pauses.set", Method: "POST", Path: "/api/v1/pauses", Says: "Hold new actions back", body: smallBody},
		{ID: "pauses.lift", Method: "DELETE", Path: "/api/v1/pauses/{id}", Says: "Lift a pause, or all of a holder; answers those that remain"},
		{ID: "maintenance.list", Method: "GET", Path: "/api/v1/maintenance", Says: "List windows of maintenance"},
		{ID: "maintenance.set", Method: "POST", Path: "/api/v1/maintenance", Says: "Set a window of maintenance", body: smallBody},
		{ID: "maintenance.remove", Method: "DELETE", Path: "/api/v1/maintenance/{name}", Says: "Remove a window of maintenance"},

		{ID: "notifications.list", Method: "GET", Path: "/api/v1/notifications", Says: "List messages to people, newest first"},
		{ID: "channels.list", Method: "GET", Path: "/api/v1/channels", Says: "List the ways to people"},
		{ID: "channels.test", Method: "POST", Path: "/api/v1/channels/{name}:test", Says: "Send a test message through a channel"},

		{ID: "remediators.register", Method: "POST", Path: "/api/v1/remediators", Says: "Register a remediator", body: smallBody},
		{ID: "leases.lease", Method: "POST", Path: "/api/v1/leases", Says: "Wait for work", body: smallBody, poll: true},
		{ID: "leases.start", Method: "POST", Path: "/api/v1/leases/{remediation}:start", Says: "Make the intent durable", body: smallBody},
		{ID: "leases.heartbeat", Method: "POST", Path: "/api/v1/leases/{remediation}:heartbeat", Says: "Keep a lease", body: smallBody},
		{ID: "leases.finish", Method: "POST", Path: "/api/v1/leases/{remediation}:finish", Says: "Report how an attempt ended", body: smallBody},
	}, prometheusRoutes()...)
}

// routeByID finds a row. Asking for one that is not there is a bug.
func routeByID(id string) Route {
	for _, r := range Routes() {
		if r.ID == id {
			return r
		}
	}
	panic("httpd: no route " + id)
}

// pattern writes a path as Fiber's router reads it, where a colon starts a
// parameter and a backslash makes it a colon again.
func pattern(path string) string {
	return strings.NewReplacer(":", `\:`, "{", ":", "}", "").Replace(path)
}

// pathParams are the names in braces.
func pathParams(path string) (names []string) {
	for {
		_, rest, ok := strings.Cut(path, "{")
		if !ok {
			return names
		}
		name, rest, _ := strings.Cut(rest, "}")
		names, path = append(names, name), rest
	}
}
