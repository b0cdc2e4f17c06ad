package action

import (
	"encoding/json"
	"errors"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Done is the output of an action that did what it was asked. Data may be nil;
// the host looks into a vigil.ServiceStatus for the new process id.
func Done(message string, data any) vigil.ActionOutput {
	out := vigil.ActionOutput{OK: true, Message: message}
	if data == nil {
		return out
	}
	b, err := json.Marshal(data)
	if err != nil {
		return Fail(err)
	}
	out.Data = b
	return out
}

// Fail is the output of an action that did not do what it was asked, with the
// code of the CallError or vigil.Error behind it, or action_failed.
func Fail(err error) vigil.ActionOutput {
	out := vigil.ActionOutput{Code: "action_failed", Message: err.Error()}
	var call *CallError
	var coded *vigil.Error
	switch {
	case errors.As(err, &call):
		out.Code = call.Code
	case errors.As(err, &coded):
		out.Code = coded.Code
	}
	return out
}
