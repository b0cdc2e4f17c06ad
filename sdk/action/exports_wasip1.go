package action

import "github.com/techmedaddy/vigil/sdk/internal/guest"

// configure checks a step's parameters; an action keeps none of them.
//
//go:wasmexport vigil_configure
func configure(_, ptr, size uint32) int64 {
	b, err := guest.Input(ptr, size)
	if err == nil {
		err = registered.Check(b)
	}
	return guest.Answer(nil, err)
}

//go:wasmexport vigil_run
func run(ptr, size uint32) int64 {
	b, err := guest.Input(ptr, size)
	if err != nil {
		return guest.Answer(nil, err)
	}
	return guest.Answer(registered.Run(sandbox{}, b))
}
