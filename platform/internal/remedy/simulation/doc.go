// Package simulation proves remedy.Step in whole fleets. It holds tests only.
//
// A history is one seed: some hosts with services that go bad and get well, the
// policies that watch them, remediators that compete for the work, a collector
// and its disk, and people. All of them but Step are models, small ones, which
// may do whatever the real ones could do to Step: messages are late, doubled,
// out of order or lost; telemetry lies; the collector dies before and after each
// commit, and its disk refuses; remediators die at each step of an action, or
// can no longer be heard; clocks jump. Time is simulated, and one goroutine
// plays everything in the order of a queue, so that a seed is a history.
//
// It promises that after every step the invariants hold which package remedy
// promises, by what lies on the simulated disk and what happened in the
// simulated world, not by what Step says of itself. A history that breaks one
// prints the line that plays it again, and what happened last. That each
// invariant would be missed is shown by mutants: Step with one guard taken out,
// which the histories have to notice.
//
// The real remediator, ledger and policies are tested where they live.
package simulation
