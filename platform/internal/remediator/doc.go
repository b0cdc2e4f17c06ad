// Package remediator is the hands of Vigil: it leases remediations from the
// collector, runs their action modules beside the services they treat, and
// reports how it went.
//
// It promises the healer that an action begins only after its intent is
// durable at the collector, that a lease older than one this host has already
// served is refused (the highest fence token of every target lies on disk,
// synced before the effect), that an action whose lease was lost has no further
// effect and is asked to stop, that it never runs longer than its timeout, and
// that every run that began ends in one report, which is on disk before it is
// sent and sent again after a crash.
//
// It promises the people on the host that a pause file (pause in its data
// directory, unless they name another) stops it from beginning anything, with no
// collector needed; one that cannot be looked for or read counts as there. The
// collector is told, with what the file says.
//
// It asks for work instead of being told: one long poll passes NAT, and the
// built-in remediator and a remote one are the same code. What to do is left to
// remedy, how a module runs to wasm, what it may touch to capability; this
// package names none of them and only knows what it needs of each.
package remediator
