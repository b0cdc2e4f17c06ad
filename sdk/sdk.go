// Package sdk carries the source of the packages that a module's author writes
// against.
//
// It promises the files as they were when the binary was built, so that a
// module can be begun and built where there is neither this repository nor a
// network. Putting them beside a module is left to package scaffold. The
// packages themselves are the folders beside this file.
package sdk

import "embed"

// Source has the SDK's folders by name: policy, action, abi and so on.
//
//go:embed abi/*.go action/*.go actiontest/*.go internal/guest/*.go policy/*.go policy/*.s policytest/*.go recorded/*.go vigil/*.go
var Source embed.FS
