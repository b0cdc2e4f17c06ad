//go:build !unix

package program

import "os"

func openFile(path string) (*os.File, error) { return os.Open(path) }
