//go:build unix

package program

import (
	"os"
	"syscall"
)

// openFile opens without following a link and without waiting for the other end
// of a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
