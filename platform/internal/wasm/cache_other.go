//go:build !linux

package wasm

import (
	"io/fs"
	"time"
)

// usedAt is when a file was last written.
func usedAt(info fs.FileInfo) time.Time { return info.ModTime() }
