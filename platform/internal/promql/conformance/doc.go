// Package conformance runs Prometheus' own test scripts against Prometheus'
// engine on Vigil's storage. It is a module of its own, so that what only those
// scripts need stays out of Vigil's.
package conformance
