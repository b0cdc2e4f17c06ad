// Package agent measures one host and its services and sends the samples to a
// collector: probe → spool → ship.
//
// It promises to measure at every interval whether or not the collector can be
// reached, to keep what could not be sent, and to stop without losing what it
// kept. `vigil up` runs it inside its own process; vigil-agent is the same
// thing as a small program.
//
// What to measure is left to probe, keeping to spool, sending to ship.
package agent
