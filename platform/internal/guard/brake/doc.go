// Package brake knows the brakes that people set ahead of every policy: pauses
// and windows of maintenance.
//
// Set is a value: it holds the brakes, says which of them are in force at a time
// and which cover an action, and is never changed in place. It promises package
// guard that the same set at the same time says the same, and package remedy
// that there are never more than a bounded number of brakes and none that cannot
// be understood: what the store could not read counts as in force until a person
// takes it away.
//
// A window's cron expression is read on the clocks of its time zone. Where the
// clocks skip the time at which it opens, it opens when they jump; where they
// show that time twice, it opens at both. So the change of the clocks never
// leaves maintenance out, and each opening is exactly as long as was asked.
//
// Who may set and lift a brake is left to the door, what is durable to remedy and
// its ledger.
package brake
