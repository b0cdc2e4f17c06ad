// Package scaffold begins modules.
//
// It promises a folder in which `vigil module build` and `vigil module test`
// succeed at once, also outside this repository and without a network: the
// SDK's source lies inside, and go.mod replaces the published one with it. The
// folder appears whole or not at all, and nothing that exists is touched.
//
// What is in the folder is the author's from then on. Building it is left to
// package module, trying it to package trial.
package scaffold
