package faultdisk

import (
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Below stands between SQLite and its files. Its methods are called with what
// SQLite is about to do; a result code other than SQLITE_OK is answered
// instead of doing it.
type Below interface {
	Opened(path string)
	Write(path string, data []byte, off int64) (keep int, rc int32) // keep is how much of data reaches the file
	Truncate(path string, size int64)
	Sync(path string) (pretend bool, rc int32) // pretend leaves the real file unsynced
	Removed(path string)
}

// FS is a file system that asks below before it does anything. The driver
// has no Go interface for a writable one, so it stands on the translated C
// structures: a call goes through a C function pointer, which here is the
// address of a Go func value.
type FS struct {
	below Below

	mu    sync.Mutex          // guards all below it
	made  map[uintptr]uintptr // real methods to ours
	paths map[uintptr]string  // of the files that are or were open
	kept  []any               // the funcs that C memory points to, which the collector cannot see
}

type (
	openFunc     = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	removeFunc   = func(*libc.TLS, uintptr, uintptr, int32) int32
	syncFunc     = func(*libc.TLS, uintptr, int32) int32
	writeFunc    = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	truncateFunc = func(*libc.TLS, uintptr, int64) int32
)

func toC[T any](s *FS, fn T) uintptr {
	s.kept = append(s.kept, fn)
	return *(*uintptr)(unsafe.Pointer(&fn)) //nolint:gosec // C memory of the translated SQLite
}

func fromC[T any](p uintptr) T { return *(*T)(unsafe.Pointer(&struct{ p uintptr }{p})) } //nolint:gosec // C memory of the translated SQLite

// at views C memory as a T without the conversion that vet rightly suspects.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) } //nolint:gosec // C memory of the translated SQLite

// Register makes a file system known to SQLite by a name, for the life of the
// process, and with usual below every database that names none. The caller
// keeps what it returns, since C memory keeps nothing alive.
func Register(vfsName string, b Below, usual bool) (*FS, error) {
	s := &FS{below: b, made: map[uintptr]uintptr{}, paths: map[uintptr]string{}}
	tls := libc.NewTLS()
	real := at[lib.Tsqlite3_vfs](lib.Xsqlite3_vfs_find(tls, 0))
	mine := libc.Xcalloc(tls, 1, lib.Tsize_t(unsafe.Sizeof(*real)))
	*at[lib.Tsqlite3_vfs](mine) = *real
	name, err := libc.CString(vfsName)
	if err != nil {
		return nil, fmt.Errorf("name file system: %w", err)
	}
	at[lib.Tsqlite3_vfs](mine).FzName = name
	at[lib.Tsqlite3_vfs](mine).FpNext = 0
	at[lib.Tsqlite3_vfs](mine).FxOpen = toC[openFunc](s, func(tls *libc.TLS, vfs, path, file uintptr, flags int32, out uintptr) int32 {
		rc := fromC[openFunc](real.FxOpen)(tls, vfs, path, file, flags, out)
		if methods := at[uintptr](file); *methods != 0 {
			*methods = s.shim(tls, *methods)
			s.name(file, libc.GoString(path))
		}
		return rc
	})
	at[lib.Tsqlite3_vfs](mine).FxDelete = toC[removeFunc](s, func(tls *libc.TLS, vfs, path uintptr, syncDir int32) int32 {
		b.Removed(libc.GoString(path))
		return fromC[removeFunc](real.FxDelete)(tls, vfs, path, syncDir)
	})
	first := int32(0)
	if usual {
		first = 1
	}
	if rc := lib.Xsqlite3_vfs_register(tls, mine, first); rc != lib.SQLITE_OK {
		return nil, fmt.Errorf("register file system: SQLite says %d", rc)
	}
	return s, nil
}

func (s *FS) name(file uintptr, path string) {
	s.mu.Lock()
	s.paths[file] = path
	s.mu.Unlock()
	s.below.Opened(path)
}

func (s *FS) path(file uintptr) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paths[file]
}

// shim returns methods with below in front of the real ones. Database files
// lock and journals do not, so there is more than one set of real methods.
func (s *FS) shim(tls *libc.TLS, methods uintptr) uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.made[methods]; ok {
		return p
	}
	real := *at[lib.Tsqlite3_io_methods](methods)
	p := libc.Xcalloc(tls, 1, lib.Tsize_t(unsafe.Sizeof(real)))
	s.made[methods] = p
	shim := at[lib.Tsqlite3_io_methods](p)
	*shim = real
	shim.FxSync = toC[syncFunc](s, func(tls *libc.TLS, file uintptr, flags int32) int32 {
		pretend, rc := s.below.Sync(s.path(file))
		if rc != lib.SQLITE_OK || pretend {
			return rc
		}
		return fromC[syncFunc](real.FxSync)(tls, file, flags)
	})
	shim.FxWrite = toC[writeFunc](s, func(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32 {
		keep, rc := s.below.Write(s.path(file), unsafe.Slice(at[byte](buf), n), off) //nolint:gosec // C memory of the translated SQLite
		if rc != lib.SQLITE_OK {
			return rc
		}
		return fromC[writeFunc](real.FxWrite)(tls, file, buf, int32(keep), off)
	})
	shim.FxTruncate = toC[truncateFunc](s, func(tls *libc.TLS, file uintptr, size int64) int32 {
		s.below.Truncate(s.path(file), size)
		return fromC[truncateFunc](real.FxTruncate)(tls, file, size)
	})
	return p
}
