// Package recorded answers a guest's host calls without a host: out of a test
// vector (World) or as they were answered before (Transcript).
//
// It promises test vectors the same answers natively and in the sandbox, under
// every split, since a recorded answer may be given any number of times. It
// promises replays that nothing is made up: a guest that asks for something
// else, or in another order, is told replay_diverged.
//
// What a guest asks for, and how, is left to packages policy and action.
package recorded
