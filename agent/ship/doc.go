// Package ship sends an agent's batches to the collector.
//
// It promises to send them in order, with one request under way at a time, and
// to give a batch up only when the collector said that it can never be
// admitted. When the collector cannot be reached or is busy it waits: as long
// as Retry-After asks, else a random part of a pause that doubles, so that a
// thousand agents do not come back in the same instant. Every request carries a
// traceparent of its own and the time it was sent.
//
// It speaks plain HTTP by the standard library, because an agent must stay
// small, and follows no redirect, because a token must not. Where batches wait
// is left to a Queue, and what is in them to probe.
package ship
