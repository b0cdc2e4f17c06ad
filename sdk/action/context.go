package action

import (
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/internal/guest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Host is what an action reaches the world through: the functions that the
// sandbox imports, or a test's world.
type Host interface {
	// Call does one deed. The reply is a vigil.CallReply as JSON; an error is
	// an abi.Errno: the host could not even answer.
	Call(op string, request []byte) (reply []byte, err error)
	Log(level int32, message string)
	LogLevel() int32 // messages below it are thrown away
	Deadline() time.Time
	SpanEvent(name string)
}

// Context is an action's link to its host, for the time of one run.
type Context struct{ host Host }

// NewContext makes a Context on a host.
func NewContext(h Host) Context { return Context{h} }

// Call asks the host for a deed, for example service.restart, and decodes its
// data into reply, which may be nil. A refusal or a failure is a CallError.
func (c Context) Call(op string, request, reply any) error {
	return guest.Ask(c.host, op, request, reply)
}

// Query reads the tenant's metrics: the samples with from ≤ time ≤ to of the
// series that a PromQL vector selector selects. The selector names its metric,
// and the module must be granted query on metric:NAME. At most 5,000 samples of
// at most 31 days are answered.
func (c Context) Query(selector string, from, to time.Time) ([]vigil.History, error) {
	return guest.Query(c.host, selector, from, to)
}

// State is what the module keeps for itself, over runs, restarts and upgrades.
// It must be granted state on state:MODULE. A write is durable when it returns.
func (c Context) State() State { return guest.StateOf(c.host) }

// HTTP sends a request to an endpoint that the host's configuration names, with
// the credential that the host keeps (http.request on endpoint:NAME). A reply of
// any status is no error; a redirect is a reply.
func (c Context) HTTP(r vigil.HTTPRequest) (reply vigil.HTTPReply, err error) {
	err = c.Call("http.request", r, &reply)
	return reply, err
}

// Run runs a command that the host's configuration names, with values for its
// placeholders (command.run on command:NAME). Any exit code is no error.
func (c Context) Run(r vigil.CommandRequest) (reply vigil.CommandReply, err error) {
	err = c.Call("command.run", r, &reply)
	return reply, err
}

// Log tells whoever reads the attempt's record.
func (c Context) Log(format string, args ...any) { c.log(abi.LevelInfo, format, args) }

// Debug is Log for what is read only while something is looked into.
func (c Context) Debug(format string, args ...any) { c.log(abi.LevelDebug, format, args) }

// Warn is Log for what a person should look at.
func (c Context) Warn(format string, args ...any) { c.log(abi.LevelWarn, format, args) }

func (c Context) log(level int32, format string, args []any) {
	if level >= c.host.LogLevel() {
		c.host.Log(level, fmt.Sprintf(format, args...))
	}
}

// Deadline is when the run will be stopped, whatever it is doing.
func (c Context) Deadline() time.Time { return c.host.Deadline() }

// Event marks a moment in the remediation's trace.
func (c Context) Event(name string) { c.host.SpanEvent(name) }

// CallError is a call that the host refused or that failed. Code is stable and
// for programs, for example capability_denied or service_unknown.
type CallError = guest.CallError

// State is a module's durable memory, see Context.State.
type State = guest.State
