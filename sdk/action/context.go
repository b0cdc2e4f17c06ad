package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
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
	req, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode request of %s: %w", op, err)
	}
	b, err := c.host.Call(op, req)
	if err != nil {
		return unanswered(op, err)
	}
	// A vigil.CallReply whose data goes where the caller wants it: a second pass
	// over a large reply would cost as much again.
	var answer struct {
		vigil.CallReply
		Data any `json:"data"`
	}
	answer.Data = reply
	err = json.Unmarshal(b, &answer)
	_, mistyped := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case err != nil && !mistyped:
		return fmt.Errorf("decode reply of %s: %w", op, err)
	case !answer.OK:
		return &CallError{Op: op, Code: answer.Code, Message: answer.Message}
	case err != nil:
		return fmt.Errorf("decode data of %s: %w", op, err)
	}
	return nil
}

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
type CallError struct {
	Op      string
	Code    string
	Message string
}

// Error names the call and what became of it.
func (e *CallError) Error() string { return e.Op + ": " + e.Message }

// unanswered is a call that never reached a capability.
func unanswered(op string, err error) error {
	code := "call_failed"
	switch {
	case errors.Is(err, abi.ErrDenied):
		code = "capability_denied"
	case errors.Is(err, abi.ErrUnsupported):
		code = "capability_unknown"
	}
	return &CallError{Op: op, Code: code, Message: err.Error()}
}
