package vigil

import (
	"errors"
	"fmt"
)

// Kind says what sort of trouble an error is; each has one HTTP status and one
// exit code of the CLI.
type Kind uint8

// The kinds. Unknown errors are Internal to the outside.
const (
	Internal     Kind = iota // a bug or a broken machine; nothing the caller did
	Invalid                  // the request can never work as it is
	NotFound                 // no such thing, or not visible to this principal
	Unauthorised             // no credential, or one that does not suffice
	Conflict                 // the present state forbids it; another try may work
	Held                     // a guard held the action back
	TooLarge                 // over a size limit
	Busy                     // over capacity now; retry after a while
	Timeout                  // not done in time
	Unsupported              // a media type or encoding nobody here reads
	Unavailable              // a part Vigil stands on is broken or taken; a person must look (503)
)

// Error is the one error shape that crosses a boundary (HTTP, CLI, guest).
// Code is stable and for programs; Msg says what and why; Hint is the next
// thing to do, and may be a command.
type Error struct {
	Kind   Kind
	Code   string
	Msg    string
	Hint   string
	Fields map[string]any // further problem+json members, such as index and field
	Err    error          // the cause, never shown outside
}

// Error renders the message, the hint is left to who prints for people.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// With returns the error with one more member for problem+json.
func (e *Error) With(key string, value any) *Error {
	if e.Fields == nil {
		e.Fields = map[string]any{}
	}
	e.Fields[key] = value
	return e
}

// Hinted returns the error with the next thing to do.
func (e *Error) Hinted(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Errorf makes an Error with a formatted message.
func Errorf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Msg: fmt.Sprintf(format, args...)}
}

// AsError finds the Error in err's chain, or makes an Internal one around it.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Code: "internal", Msg: "internal error", Err: err}
}

// KindOf returns the kind of the Error in err's chain, Internal if there is none.
func KindOf(err error) Kind { return AsError(err).Kind }

// CodeOf returns the stable code of the Error in err's chain, "internal" if
// there is none and "" for nil.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
