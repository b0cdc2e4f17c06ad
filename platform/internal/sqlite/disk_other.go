//go:build !linux

package sqlite

// networkDisk cannot tell on this platform.
func networkDisk(string) (kind string, remote bool) { return "", false }
