package policy

// registered is the policy that this module exports: a module has exactly one.
var registered *Guest

// Register makes p the policy of this module. It is called once, from the
// module's init.
func Register[S any](p Policy[S]) {
	if registered != nil {
		panic("policy: a module registers one policy")
	}
	registered = NewGuest(p)
}
