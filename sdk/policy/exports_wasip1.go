package policy

import "github.com/techmedaddy/vigil/sdk/internal/guest"

//go:wasmexport vigil_configure
func configure(config, ptr, size uint32) int64 {
	b, err := guest.Input(ptr, size)
	if err == nil {
		err = registered.Configure(config, b)
	}
	return guest.Answer(nil, err)
}

//go:wasmexport vigil_series
func series(ptr, size uint32) int64 {
	b, err := guest.Input(ptr, size)
	if err == nil {
		err = registered.Series(b)
	}
	return guest.Answer(nil, err)
}

//go:wasmexport vigil_eval
func eval(ptr, size uint32) int64 {
	b, err := guest.Input(ptr, size)
	if err != nil {
		return guest.Answer(nil, err)
	}
	return guest.Answer(registered.Eval(b))
}
