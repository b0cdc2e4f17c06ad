// Package include carries the headers of the SDK for C.
//
// It promises whoever builds a module in C the headers as they were when the
// binary was built, so that a module is built where this repository is not.
// What they say is in vigil.h and vigil_action.h; running the compiler is left to the platform's
// package module.
package include

import "embed"

// Headers has vigil.h, vigil_action.h and what they include.
//
//go:embed *.h
var Headers embed.FS
