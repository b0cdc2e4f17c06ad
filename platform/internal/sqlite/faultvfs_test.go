package sqlite

import (
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// faults is a file system below SQLite that fails when told to. It is
// registered once per test process, under its own name, and one test at a time
// uses it. The driver has no Go interface for a writable one, so it stands on
// the translated C structures: a call goes through a C function pointer, which
// here is the address of a Go func value.
type faults struct {
	syncRC  atomic.Int32 // what the next syncs return; 0 is a true sync
	writeRC atomic.Int32
	syncs   atomic.Int64 // true and failed ones

	mu    sync.Mutex          // guards shims and kept
	shims map[uintptr]uintptr // real methods to ours
	kept  []any               // the funcs that C memory points to, which the collector cannot see
}

type (
	openFunc  = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	syncFunc  = func(*libc.TLS, uintptr, int32) int32
	writeFunc = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
)

func toC[T any](f *faults, fn T) uintptr {
	f.kept = append(f.kept, fn)
	return *(*uintptr)(unsafe.Pointer(&fn))
}

func fromC[T any](p uintptr) T { return *(*T)(unsafe.Pointer(&struct{ p uintptr }{p})) }

// at views C memory as a T without the conversion that vet rightly suspects.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

var theFaults = sync.OnceValue(func() *faults {
	f := &faults{shims: map[uintptr]uintptr{}}
	tls := libc.NewTLS()
	real := at[lib.Tsqlite3_vfs](lib.Xsqlite3_vfs_find(tls, 0))
	mine := libc.Xcalloc(tls, 1, lib.Tsize_t(unsafe.Sizeof(*real)))
	*at[lib.Tsqlite3_vfs](mine) = *real
	name, err := libc.CString("faults")
	if err != nil {
		panic(err)
	}
	at[lib.Tsqlite3_vfs](mine).FzName = name
	at[lib.Tsqlite3_vfs](mine).FpNext = 0
	at[lib.Tsqlite3_vfs](mine).FxOpen = toC[openFunc](f, func(tls *libc.TLS, vfs, path, file uintptr, flags int32, out uintptr) int32 {
		rc := fromC[openFunc](real.FxOpen)(tls, vfs, path, file, flags, out)
		methods := at[uintptr](file)
		if *methods == 0 {
			return rc
		}
		*methods = f.shim(tls, *methods)
		return rc
	})
	if rc := lib.Xsqlite3_vfs_register(tls, mine, 0); rc != lib.SQLITE_OK {
		panic(rc)
	}
	return f
})

// shim returns methods with faults in front of the real ones. Database files
// lock and journals do not, so there is more than one set of real methods.
func (f *faults) shim(tls *libc.TLS, methods uintptr) uintptr {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, ok := f.shims[methods]; ok {
		return p
	}
	real := *at[lib.Tsqlite3_io_methods](methods)
	p := libc.Xcalloc(tls, 1, lib.Tsize_t(unsafe.Sizeof(real)))
	f.shims[methods] = p
	shim := at[lib.Tsqlite3_io_methods](p)
	*shim = real
	shim.FxSync = toC[syncFunc](f, func(tls *libc.TLS, file uintptr, flags int32) int32 {
		f.syncs.Add(1)
		if rc := f.syncRC.Load(); rc != 0 {
			return rc
		}
		return fromC[syncFunc](real.FxSync)(tls, file, flags)
	})
	shim.FxWrite = toC[writeFunc](f, func(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32 {
		if rc := f.writeRC.Load(); rc != 0 {
			return rc
		}
		return fromC[writeFunc](real.FxWrite)(tls, file, buf, n, off)
	})
	return p
}

// injected opens a database above the faults, which are off before and after.
func injected(t *testing.T) (*faults, *DB) {
	t.Helper()
	f := theFaults()
	t.Cleanup(func() {
		f.syncRC.Store(0)
		f.writeRC.Store(0)
	})
	return f, openHere(t, Options{vfs: "faults"})
}
