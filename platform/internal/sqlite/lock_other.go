//go:build !unix

package sqlite

import "github.com/techmedaddy/vigil/sdk/vigil"

// LockDir needs flock, which this platform does not have.
func LockDir(dir string) (unlock func() error, err error) {
	return nil, vigil.Errorf(vigil.Unavailable, "platform_unsupported", "cannot lock %s on this platform", dir).
		Hinted("run Vigil on Linux, macOS or a BSD")
}
