package sqlite

import (
	"os"
	"syscall"
)

// scarce says whether a database could not even be opened with the space that a
// directory has left: its shared memory and the beginning of its log.
func scarce(dir string) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && int64(s.Bavail)*s.Bsize < 256<<10
}

// reserve gives a file blocks up to a size, without writing them.
func reserve(f *os.File, size int64) error {
	return os.NewSyscallError("fallocate", syscall.Fallocate(int(f.Fd()), 0, 0, size))
}
