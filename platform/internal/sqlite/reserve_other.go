//go:build !linux

package sqlite

import (
	"errors"
	"os"
)

func scarce(string) bool { return false }

// reserve is for Linux only.
func reserve(*os.File, int64) error { return errors.ErrUnsupported }
