// Package capability holds the verbs that an action module may be granted, and
// the broker that stands before them: service.status, .start, .stop, .restart
// and .reload over the driver "command" here, http.request in package egress,
// command.run in package command. A verb reads a request and says what deed it
// asks for; everything that may stand against a deed is held against it in one
// place (Session).
//
// It promises whoever asks for a verb that the deed is real and is done to the
// right process. A process is never known by its pid alone: pid, start time and
// boot name it for good, so that a reused pid is never signalled; pid 1 and
// Vigil itself never are. A verb that has begun is finished even when its
// caller goes away, because half a restart is an outage; each has its own
// bounded end. Verbs on one service never overlap.
//
// A service without a pidfile is supervised: it runs in a session and process
// group of its own, with its output in a size-capped file, and its record in
// the state directory lets the next Vigil take it back after a crash of this
// one. Stopping it works as systemd's KillMode=mixed: the signal goes to the
// main process, and what is left of the group is killed when the main process
// is gone or its grace is over. A service with a pidfile is a daemon that looks
// after its own children; only the process that the pidfile names is signalled.
// When that one died without them, as nginx's master does when it is killed, a
// verb that stops or starts the daemon kills those of its session that run its
// program: they would keep the port from its successor. Neither kind of service
// dies with Vigil, except ephemeral ones (the demo services).
//
// It promises the sandbox that a call does nothing but what the grants of the
// lease allow, while the lease and its fence hold, and that each call leaves a
// line in the transcript and a span, allowed or not (Broker, Session). Verbs on
// services touch the lease's own target only; endpoints and commands are
// whatever was granted. A grant's budget is counted here, on the host of the effect
// and on its disk: an attempt counts from right before its effect on, whatever
// becomes of it; dry runs and the status of a service count nothing. Two hosts that were granted
// the same have a budget each.
//
// What a grant's pattern means is left to module, whether to act to the healer,
// the fence file to remediator. Nothing here goes through a shell, searches a
// PATH or inherits Vigil's environment: the command line is the operator's, word
// for word, and no request can add to it, which is why an interpreter is allowed
// there. Descendants that leave the session of a supervised service are not
// followed.
package capability
