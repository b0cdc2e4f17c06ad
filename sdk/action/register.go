package action

// registered is the action that this module exports: a module has exactly one.
var registered *Guest

// Register makes a the action of this module. It is called once, from the
// module's init.
func Register[S any](a Action[S]) {
	if registered != nil {
		panic("action: a module registers one action")
	}
	registered = NewGuest(a)
}
