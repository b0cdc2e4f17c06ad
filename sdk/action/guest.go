package action

import (
	"encoding/json"

	"github.com/techmedaddy/vigil/sdk/abi"
	"github.com/techmedaddy/vigil/sdk/internal/guest"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Action treats one target with parameters of type S, a struct with json tags.
// If S has a method Validate() error, it is asked before anything is done.
type Action[S any] interface {
	Run(ctx Context, in vigil.ActionInput, with S) vigil.ActionOutput
}

// Fault is why a guest refused a message; of parameters, Path leads to the
// mistake. It unwraps to an abi.Errno.
type Fault = guest.Fault

// BadSetting is an error for Validate: what is wrong with the parameter at
// path.
func BadSetting(path, message string) error {
	return &Fault{Errno: abi.ErrBadSettings, Code: "settings_invalid", Path: path, Message: message}
}

// Guest is the bytes' side of an action: what the exports of a module call,
// and what actiontest calls without a sandbox.
type Guest struct {
	check func(with []byte) error
	run   func(ctx Context, in vigil.ActionInput) vigil.ActionOutput
}

// NewGuest makes the bytes' side of a.
func NewGuest[S any](a Action[S]) *Guest {
	return &Guest{
		check: func(with []byte) error { return guest.DecodeSettings(with, new(S)) },
		run: func(ctx Context, in vigil.ActionInput) vigil.ActionOutput {
			with := new(S)
			if err := guest.DecodeSettings(in.With, with); err != nil {
				return refuse(err)
			}
			return a.Run(ctx, in, *with)
		},
	}
}

// Check says what is wrong with a step's parameters, without running it.
func (g *Guest) Check(with []byte) error { return g.check(with) }

// Run decodes a vigil.ActionInput, runs the action and encodes its
// vigil.ActionOutput. Parameters that are refused are such an output too: the
// action is known not to have started anything.
func (g *Guest) Run(h Host, input []byte) ([]byte, error) {
	var in vigil.ActionInput
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, &Fault{Errno: abi.ErrBadInput, Code: "bad_input", Message: "action input: " + err.Error()}
	}
	return json.Marshal(g.run(NewContext(h), in))
}

func refuse(err error) vigil.ActionOutput {
	f := guest.FaultOf(err)
	return vigil.ActionOutput{Code: f.Code, Message: "with: " + f.Error()}
}
