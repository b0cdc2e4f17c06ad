//go:build race

package wasm

// slowdown is how much longer a compiler takes that the race detector watches.
const slowdown = 10
