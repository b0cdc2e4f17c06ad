// Package bench measures the peers of Vigil's sandbox: what else could judge
// samples by a rule that an operator uploads.
//
// Every peer gets the same question, whether any of some quiet samples is above
// 0.8, in the form in which it answers fastest: the expression languages on a
// whole batch or sample by sample, whichever is quicker, OPA with its input
// parsed before, Extism with bare numbers for input. Sandboxes run with their
// own limit on time switched on, as a host of uploads must have it. A peer that
// answers wrongly is not measured.
//
// Vigil itself is measured in platform/internal/wasm, through the whole host
// path; scripts/figures runs both and prints one beside the other. This is a
// Go module of its own, so that Vigil does not depend on its peers.
package bench
