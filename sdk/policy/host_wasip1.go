package policy

import "github.com/techmedaddy/vigil/sdk/internal/guest"

// sandbox is only linked into modules that ask.
func sandbox() Caller { return guest.Sandbox{} }
