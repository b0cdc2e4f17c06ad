// Package app wires the roles: collector, remediator and agent, in one process
// or in several.
//
// It is the only package that knows all others. It promises cmd one call that
// starts what was asked for, in the order of the flow, and one teardown that a
// failed start and a stop share. It alone joins what one stage needs with what
// another offers. It decides nothing itself: what a sample means is left to
// policy, whether to act to guard and remedy, how to remediator.
package app
