package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Caller is what a guest asks its host through: the function that the sandbox
// imports, or a test's world. The reply is a vigil.CallReply as JSON; an error
// is an abi.Errno: the host could not even answer.
type Caller interface {
	Call(op string, request []byte) (reply []byte, err error)
}

// CallError is a call that the host refused or that failed. Code is stable and
// for programs, for example capability_denied or service_unknown.
type CallError struct {
	Op      string
	Code    string
	Message string
}

// Error names the call and what became of it.
func (e *CallError) Error() string { return e.Op + ": " + e.Message }

// Ask makes one call and decodes its data into reply, which may be nil. A
// refusal or a failure is a CallError.
func Ask(c Caller, op string, request, reply any) error {
	req, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode request of %s: %w", op, err)
	}
	b, err := c.Call(op, req)
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
	wrong := json.Unmarshal(b, &answer)
	if wrong != nil { // with the data, or with how the call went?
		if err := json.Unmarshal(b, &answer.CallReply); err != nil {
			return fmt.Errorf("decode reply of %s: %w", op, err)
		}
	}
	switch {
	case !answer.OK:
		return &CallError{Op: op, Code: answer.Code, Message: answer.Message}
	case wrong != nil:
		return fmt.Errorf("decode data of %s: %w", op, wrong)
	}
	return nil
}

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

// Query asks for the samples of a range of time.
func Query(c Caller, selector string, from, to time.Time) ([]vigil.History, error) {
	req, err := json.Marshal(vigil.QueryRequest{Select: selector, From: from.UnixNano(), To: to.UnixNano()})
	if err != nil {
		return nil, fmt.Errorf("encode request of query: %w", err)
	}
	b, err := c.Call(vigil.OpQuery, req)
	if err != nil {
		return nil, unanswered(vigil.OpQuery, err)
	}
	answer, found, err := readHistories(b)
	if err != nil {
		return nil, err
	}
	if !answer.OK {
		return nil, &CallError{Op: vigil.OpQuery, Code: answer.Code, Message: answer.Message}
	}
	return found, nil
}

// State is the module's durable memory: text keys of at most 256 bytes and
// values of at most 64 KiB, 1,000 of them and 1 MiB in all. What finds no room
// is a CallError with code state_quota and changes nothing.
type State struct{ host Caller }

// StateOf is the memory that a host keeps.
func StateOf(c Caller) State { return State{c} }

// Get returns the value of a key; found is false if there is none.
func (s State) Get(key string) (value []byte, found bool, err error) {
	var reply vigil.StateReply
	err = Ask(s.host, vigil.OpState, vigil.StateRequest{Do: vigil.StateGet, Key: key}, &reply)
	return reply.Value, reply.Found, err
}

// Set gives a key a value.
func (s State) Set(key string, value []byte) error {
	return Ask(s.host, vigil.OpState, vigil.StateRequest{Do: vigil.StateSet, Key: key, Value: value}, nil)
}

// Delete forgets a key; one that is not there is no error.
func (s State) Delete(key string) error {
	return Ask(s.host, vigil.OpState, vigil.StateRequest{Do: vigil.StateDelete, Key: key}, nil)
}

// Keys lists the keys that begin with a prefix, in order.
func (s State) Keys(prefix string) ([]string, error) {
	var reply vigil.StateReply
	err := Ask(s.host, vigil.OpState, vigil.StateRequest{Do: vigil.StateList, Key: prefix}, &reply)
	return reply.Keys, err
}
